# Image of magnet-server; magnet-client and magnet-model are inside too.
#
#   docker build -t magnet .                              compiles inside the image
#   docker build -t magnet:gpu --build-arg DEVICE=gpu --build-arg BINARIES=prebuilt .
#                                                         with the CUDA libraries; see below
#   docker run --read-only --cap-drop=ALL -p 50051:50051 -p 9464:9464 magnet
#   docker run --read-only --cap-drop=ALL -p 50051:50051 -p 9464:9464 \
#     -v $PWD/models/small:/models/default:ro magnet      another model than the default one
#
# BINARIES=prebuilt takes an installed tree instead of compiling:
#   cmake --install build/release --strip --component runtime --prefix build/install
#   docker build --build-arg BINARIES=prebuilt .
# For a GPU configure with -D MAGNET_CUDA=ON, which needs nvcc (this image has none, and what it
# compiles itself serves the CPU only), and install `--component cuda` as well.
#
# The server runs as user 10001, writes no file and needs no capability. It listens in
# plain text on every address of its own network: options of the server after the image's
# name replace that, e.g. TLS. The health check asks MAGNET_SERVER, or 127.0.0.1:50051;
# where the server uses TLS, give a health check of your own.
# buildah and podman need --format docker, or the health check is lost; their versions in Debian
# 12 also need --build-arg BINARIES=build where the default is meant.
ARG BINARIES=build
ARG DEVICE=cpu

# ---- build: compiles from source -----------------------------------------
FROM docker.io/library/debian:bookworm-slim AS build
ARG DEVICE
WORKDIR /src
COPY deploy/setup.sh deploy/
COPY deploy/packages deploy/packages
RUN if [ "$DEVICE" = gpu ]; then deploy/setup.sh --gpu; else deploy/setup.sh; fi
COPY . .
RUN cmake --preset release -D MAGNET_BUILD_TESTS=OFF -D MAGNET_BUILD_TRAIN=OFF \
    && cmake --build --preset release --target magnet-server magnet-client magnet-model \
    && cmake --install build/release --strip --component runtime --prefix /install \
    && if [ "$DEVICE" = gpu ]; then \
         cmake --install build/release --component cuda --prefix /install; fi

# ---- prebuilt: takes an installed tree of the context --------------------
FROM scratch AS prebuilt
ARG PREBUILT=build/install
COPY ${PREBUILT} /install

# hadolint ignore=DL3006
FROM ${BINARIES} AS binaries

# ---- what runs ------------------------------------------------------------
FROM docker.io/library/debian:bookworm-slim
COPY deploy/packages/debian-runtime.txt /usr/local/share/magnet/
# Debian stable changes a version only to mend it.
# hadolint ignore=DL3008,DL4006
RUN apt-get update -qq \
    && sed 's/#.*//' /usr/local/share/magnet/debian-runtime.txt \
       | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y -qq --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && groupadd --gid 10001 magnet \
    && useradd --uid 10001 --gid magnet --no-create-home --shell /usr/sbin/nologin magnet
COPY models/default /models/default
COPY --from=binaries /install /usr/local

ARG DEVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="magnet-server" \
      org.opencontainers.image.description="Text-to-music over gRPC with MAGNeT models (${DEVICE})" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
USER 10001:10001
WORKDIR /models
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["magnet-client", "health", "--quiet", "--timeout", "4"]
ENTRYPOINT ["magnet-server"]
CMD ["--models", "/models/default", "--listen", "0.0.0.0:50051", "--insecure", \
     "--metrics-listen", "0.0.0.0:9464"]
