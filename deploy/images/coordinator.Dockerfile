# The coordinator: the program and nothing that computes. Built by deploy/build-images.sh, which prepares the context
# (app/ = self-contained publish of src/Cli).
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE}

# tini reaps children and passes SIGTERM on; the certificates let `vae` in this image ask a cluster by https.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

COPY --chown=0:0 app/ /opt/vae/

# No diagnostics port: it is a socket in /tmp through which another process of the pod could read memory.
ENV DOTNET_EnableDiagnostics=0 \
    DOTNET_gcServer=0 \
    HOME=/tmp \
    NO_COLOR=1 \
    PATH=/opt/vae:/usr/local/bin:/usr/bin:/bin

# The owner of the state folder is the user below, so that a plain volume mounted over it starts out writable.
RUN mkdir -p /var/lib/vae && chown 10001:10001 /var/lib/vae
VOLUME /var/lib/vae
WORKDIR /var/lib/vae
USER 10001:10001
EXPOSE 7431 7432
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/vae/vae"]
CMD ["coordinator", "--home", "/var/lib/vae", "--listen", "0.0.0.0", "--port", "7431", "--http-port", "7432", "--token-file", "/etc/vae/token", "--log-format", "json"]
