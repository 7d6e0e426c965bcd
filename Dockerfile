# Builds the server, then an image with nothing but the server on Debian.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --release --locked --bin channelstream

FROM debian:bookworm-slim
COPY --from=build /source/target/release/channelstream /usr/local/bin/channelstream
# The original's other command is the same program under another name.
RUN ln -s channelstream /usr/local/bin/channelstream_utils
# The server's state, so that it survives a restart: mount a volume here.
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/channelstream
VOLUME /var/lib/channelstream
ENV CHANNELSTREAM_STORE=file \
    CHANNELSTREAM_STORE_PATH=/var/lib/channelstream/channelstream.sqlite
# Nobody in particular: it owns that folder and nothing else.
USER 10001:10001
WORKDIR /
# Others reach a container, so it does not start without secrets of your own: CHANNELSTREAM_SECRET, CHANNELSTREAM_ADMIN_SECRET.
ENV CHANNELSTREAM_HOST=0.0.0.0
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["channelstream", "health"]
ENTRYPOINT ["channelstream"]
