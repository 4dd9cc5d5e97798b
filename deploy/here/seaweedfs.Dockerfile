# Stands in for chrislusf/seaweedfs where no image can be pulled: the same program, from the same release.
FROM debian:bookworm-slim
# The real image's base has wget by the same program.
RUN apt-get update \
 && apt-get install -y --no-install-recommends busybox=1:1.35.* \
 && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/bin/busybox /usr/local/bin/wget
COPY weed /usr/bin/weed
RUN mkdir /data
VOLUME ["/data"]
ENTRYPOINT ["weed"]
