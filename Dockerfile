# Millrace in a small image: built in one stage, run by an unprivileged user in the other.
#
#   docker build -t millrace .
#   docker run -v ./pipeline.yaml:/etc/millrace/pipeline.yaml:ro millrace
FROM debian:bookworm-slim AS build

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc \
        libc6-dev \
        libcurl4-openssl-dev \
        libjansson-dev \
        libmariadb-dev \
        libmicrohttpd-dev \
        librdkafka-dev \
        libxxhash-dev \
        libyaml-dev \
        meson \
        ninja-build \
        pkg-config \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /source
COPY meson.build meson_options.txt ./
COPY include include
COPY src src
RUN meson setup /build --buildtype=release -Dtests=false -Dstrip=true --prefix=/usr \
    && ninja -C /build millrace \
    && DESTDIR=/image meson install -C /build --no-rebuild

FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates \
        curl \
        libcurl4 \
        libjansson4 \
        libmariadb3 \
        libmicrohttpd12 \
        librdkafka1 \
        libxxhash0 \
        libyaml-0-2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin millrace

COPY --from=build /image/usr/bin/millrace /usr/bin/millrace
COPY schemas /usr/share/millrace/schemas

WORKDIR /usr/share/millrace
USER 10001:10001
EXPOSE 9630
# Alive, not ready: a sink that is down is waited for, it must not get the container killed.
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s --retries=3 \
    CMD ["curl", "--fail", "--silent", "--show-error", "--max-time", "1", "http://127.0.0.1:9630/livez"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/millrace"]
CMD ["run", "/etc/millrace/pipeline.yaml"]
