# docker build -t palimpsest . && docker run --rm -v "$PWD:/work" palimpsest --recipe colormae.json
FROM swift:6.3-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends make pkg-config libopenblas-dev libpng-dev libjpeg-dev \
    zlib1g-dev libtiff-dev libwebp-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN make install PREFIX=/usr/local DESTDIR=/installed

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libopenblas0-pthread libpng16-16 libjpeg62-turbo zlib1g \
    libtiff6 libwebp7 libwebpdemux2 && rm -rf /var/lib/apt/lists/*
COPY --from=build /installed/ /
WORKDIR /work
ENTRYPOINT ["pretrain"]
CMD ["--help"]
