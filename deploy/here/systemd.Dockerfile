# A machine with systemd as its first process, on which the units of deploy/systemd are run.
FROM millrace:local
# hadolint ignore=DL3002
USER 0:0
RUN apt-get update \
 && apt-get install -y --no-install-recommends systemd=252.* dbus=1.14.* \
 && rm -rf /var/lib/apt/lists/* \
 && systemctl mask getty.target systemd-logind.service console-getty.service systemd-networkd-wait-online.service
COPY *.service *.target /etc/systemd/system/
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/lib/systemd/systemd"]
CMD ["--log-target=console"]
