# A worker: the program, libtorch, and the shim between them compiled against exactly that libtorch. Built by deploy/build-images.sh,
# which prepares the context (app/ = self-contained publish of src/Cli, native/ = sources of the shim).
#
# With CUDA: BASE is an image that holds a CUDA build of libtorch (1.13 to 2.x) and LIBTORCH is where; the packages are then not
# installed. See deploy/README.md.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS shim
ARG LIBTORCH=
USER 0
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++ cmake make $([ -n "$LIBTORCH" ] || echo libtorch-dev libgloo-dev)
COPY native/ /src/
RUN bash /src/build.sh /build

FROM ${BASE}
ARG LIBTORCH=
USER 0
# OpenBLAS beside libtorch: Debian's default BLAS is 15 times slower.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates tini $([ -n "$LIBTORCH" ] || echo libtorch1.13 libopenblas0-pthread) \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

COPY --chown=0:0 app/ /opt/vae/
COPY --from=shim --chown=0:0 /build/libvae_torch.so /opt/vae/libvae_torch.so

ENV DOTNET_EnableDiagnostics=0 \
    DOTNET_gcServer=0 \
    HOME=/tmp \
    NO_COLOR=1 \
    PATH=/opt/vae:/usr/local/bin:/usr/bin:/bin

RUN mkdir -p /var/cache/vae && chown 10001:10001 /var/cache/vae
VOLUME /var/cache/vae
WORKDIR /var/cache/vae
USER 10001:10001
EXPOSE 7433 7434
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/vae/vae"]
CMD ["worker", "--help"]
