#!/usr/bin/env bash
# Installs each artefact of target/dist where nothing else is, and uses it: the server must answer
# /health/ready and deliver a message. Needs root, for chroot.
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$PWD/target/dist
folder=$(mktemp -d)
server=
stop() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    server=
}
trap 'stop; rm -rf "$folder"' EXIT
now() { date +%s%3N; }
# By its full path, since it is started without any variable.
chroot=$(PATH=$PATH:/usr/sbin:/sbin command -v chroot)

# Starts a command that serves on $port, and waits until it is ready.
serve() {
    local began
    began=$(now)
    "$@" >"$folder/log" 2>&1 &
    server=$!
    until curl -fsS "http://127.0.0.1:$port/health/ready" >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
        sleep 0.02
    done
    ready_after=$(($(now) - began))
}
port=$(python3 -c '
import socket

s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])
')
secret=0123456789abcdef0123456789abcdef
settings=(
    CHANNELSTREAM_PORT="$port"
    CHANNELSTREAM_SECRET=$secret
    CHANNELSTREAM_ADMIN_SECRET=$secret
)

(cd "$dist" && sha256sum --check --quiet SHA256SUMS-amd64)
echo "prove: the checksums fit"

# From the download to the first message, in a root with nothing but what was unpacked.
began=$(now)
mkdir "$folder/root"
tar -C "$folder/root" --strip-components 1 -xzf "$dist"/channelstream-*-x86_64-linux.tar.gz
serve env -i "${settings[@]}" "$chroot" "$folder/root" /channelstream
call() { # PATH BODY
    local signature
    signature=$(env "${settings[@]}" "$folder/root/channelstream" sign "$1")
    curl -fsS -H "x-channelstream-secret: $signature" -d "$2" "http://127.0.0.1:$port$1"
}
id=11111111-1111-4111-8111-111111111111
call /connect '{"username": "alice", "channels": ["news"], "conn_id": "'$id'"}' >/dev/null
call /message '[{"user": "bob", "channel": "news", "message": {"text": "hello"}}]' >/dev/null
curl -fsS "http://127.0.0.1:$port/listen?conn_id=$id" | grep -q hello
echo "prove: the program serves in an empty root, ready after $ready_after ms;" \
    "from its archive to the first message $(($(now) - began)) ms"

echo "prove: the Python client"
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check "$dist"/*.whl
"$folder/python/bin/python" - "$port" "$secret" <<'PYTHON'
import sys
from channelstream_client import Client, Draft

client = Client(f"http://127.0.0.1:{sys.argv[1]}", sys.argv[2])
client.connect("carol", channels=["python"])
accepted = client.publish(Draft(user="bob", channel="python", message={"text": "hello"}))
assert len(accepted) == 1, accepted
PYTHON

echo "prove: the browser client"
mkdir "$folder/node"
(
    cd "$folder/node"
    npm install --silent --no-audit --no-fund --offline "$dist"/channelstream-client-*.tgz
    node --input-type=module --eval '
        import { ChannelStreamConnection } from "channelstream-client";
        new ChannelStreamConnection();
    '
)
stop

echo "prove: the Debian package"
mkdir "$folder/debian"
dpkg-deb --extract "$dist"/channelstream_*_amd64.deb "$folder/debian"
dpkg-deb --info "$dist"/channelstream_*_amd64.deb >/dev/null
serve env -i "${settings[@]}" "$chroot" "$folder/debian" /usr/bin/channelstream
stop

echo "prove: the crates"
for crate in "$dist"/*.crate; do
    gzip --test "$crate"
done
mkdir -p "$folder/crates"
for crate in "$dist"/*.crate; do
    tar -C "$folder/crates" -xzf "$crate"
done
(
    cd "$folder/crates"
    # Built together: the broker's crate is in no registry yet.
    broker=$(echo channelstream-actors-*)
    cd channelstream-[0-9]*
    cargo build --quiet --config "patch.crates-io.channelstream-actors.path='../$broker'" \
        --target-dir "$folder/crates/target"
)
serve env "${settings[@]}" "$folder/crates/target/debug/channelstream"
stop
echo "prove: all artefacts work"
