# Stands in for temporalio/temporal where no image can be pulled: the same program, from the same release.
FROM debian:bookworm-slim
RUN useradd --uid 1000 --create-home temporal
COPY temporal /usr/local/bin/temporal
USER 1000:1000
ENTRYPOINT ["temporal"]
