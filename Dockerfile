# Builds the server as a static program, then an image with nothing else in it.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY packaging/static.sh packaging/

# The dependencies have a layer of their own, which stays as long as the manifests do. They are
# built with empty files in place of the sources.
COPY Cargo.toml Cargo.lock ./
COPY actors/Cargo.toml actors/
COPY bench/Cargo.toml bench/
COPY fuzz/Cargo.toml fuzz/
RUN mkdir -p src actors/src bench/src fuzz/src benches tests/it \
    && touch src/lib.rs actors/src/lib.rs benches/pieces.rs tests/it/main.rs \
    && for crate in . bench fuzz; do echo 'fn main() {}' > $crate/src/main.rs; done \
    && packaging/static.sh

COPY . .
# Newer than what was built of the empty files.
RUN touch src/lib.rs src/main.rs actors/src/lib.rs && packaging/static.sh
# The files of the image. The other command of the original is the same program under another
# name.
RUN mkdir -p /image/bin /image/state \
    && cp "target/$(uname -m)-unknown-linux-gnu/release/channelstream" /image/bin/ \
    && ln -s channelstream /image/bin/channelstream_utils

FROM scratch
COPY --from=build /image/bin/ /usr/local/bin/
# The folder of the server's state. Mount a volume here, so that the state survives a restart.
COPY --from=build --chown=10001:10001 --chmod=700 /image/state/ /var/lib/channelstream/
VOLUME /var/lib/channelstream
ENV PATH=/usr/local/bin \
    CHANNELSTREAM_STORE=file \
    CHANNELSTREAM_STORE_PATH=/var/lib/channelstream/channelstream.sqlite
# A user without rights: it owns only that folder.
USER 10001:10001
WORKDIR /
# Others can reach a container, so the server does not start without secrets of your own:
# CHANNELSTREAM_SECRET and CHANNELSTREAM_ADMIN_SECRET.
ENV CHANNELSTREAM_HOST=0.0.0.0
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["channelstream", "health"]
ENTRYPOINT ["channelstream"]
