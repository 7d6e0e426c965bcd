# Builds the server, then an image that holds only the server and Debian.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
# A target is named so that build scripts and macros are not linked statically, which fails.
RUN printf '#!/bin/sh\n\
exec env RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked \\\n\
    --target "$(uname -m)-unknown-linux-gnu" --bin channelstream\n' > /usr/local/bin/build-server \
    && chmod +x /usr/local/bin/build-server

FROM debian:bookworm-slim
COPY --from=build /source/target/release/channelstream /usr/local/bin/channelstream
# The other command of the original: the same program under another name.
RUN ln -s channelstream /usr/local/bin/channelstream_utils
# The folder of the server's state. Mount a volume here, so that the state survives a restart.
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/channelstream
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
