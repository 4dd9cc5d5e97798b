# Stands in for prom/prometheus where no image can be pulled: Debian's Prometheus 2.42 and its promtool.
FROM debian:bookworm-slim
WORKDIR /package
# Debian's package would bring a web server's worth of scripts for its page.
RUN apt-get update \
 && apt-get download prometheus=2.42.* \
 && dpkg-deb -x prometheus_*.deb . \
 && cp usr/bin/prometheus usr/bin/promtool /usr/bin/ \
 && rm -rf /package/* /var/lib/apt/lists/* \
 && install -d -o 65534 -g 65534 /prometheus /etc/prometheus
USER 65534:65534
WORKDIR /prometheus
VOLUME ["/prometheus"]
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
