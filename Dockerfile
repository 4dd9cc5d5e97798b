# The image of Millrace: one binary, ffmpeg, a font, and nothing that builds or shells out.
#
#   docker build -t millrace .                                  compile it here (needs the network)
#   docker build -t millrace --build-arg BINARY=prebuilt .      take dist/millrace, which is already built
#
# BuildKit is needed, since it alone skips the stage that is not asked for.
ARG BINARY=built

FROM rust:1.95-slim-bookworm AS built
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package millrace \
 && strip -o /millrace target/release/millrace

FROM scratch AS prebuilt
COPY dist/millrace /millrace

# hadolint ignore=DL3006
FROM ${BINARY} AS binary

# Debian's ffmpeg package brings 660 MB, most of them graphics drivers that a server never loads. What
# the two programs load is a third of that.
FROM debian:bookworm-slim AS ffmpeg
COPY deploy/image/closure.sh /closure.sh
RUN dpkg-query -W -f '${Package}\n' >/base.txt \
 && apt-get update \
 && apt-get install -y --no-install-recommends \
      ffmpeg=7:5.1.* fonts-dejavu-core=2.37-* ca-certificates=20230311* \
 && /closure.sh /base.txt /closure /usr/bin/ffmpeg /usr/bin/ffprobe

FROM debian:bookworm-slim
COPY --from=ffmpeg /closure/ /
# The last line fails when a library, the encoder or the font is missing.
RUN ldconfig \
 && groupadd --gid 10001 millrace \
 && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin millrace \
 && install -d -o 10001 -g 10001 -m 700 /data /scratch \
 && ffprobe -version >/dev/null \
 && ffmpeg -v error -f lavfi -i testsrc2=d=0.1 -f lavfi -i sine=d=0.1 -vf drawtext=text=a \
      -c:v libx264 -c:a aac -f null -
COPY --from=binary /millrace /usr/local/bin/millrace
ENV MILLRACE_DATA=/data MILLRACE_SCRATCH=/scratch
VOLUME ["/data", "/scratch"]
EXPOSE 8000 9000
USER 10001:10001
STOPSIGNAL SIGTERM
# Asks the API, or a worker that has MILLRACE_METRICS_ADDR. Services may be long in coming up: no failure
# counts before a process has stopped waiting for them.
HEALTHCHECK --interval=10s --timeout=10s --start-period=300s CMD ["millrace", "ready"]
ENTRYPOINT ["millrace"]
CMD ["--help"]
