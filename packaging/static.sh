#!/bin/sh
# Builds the server as a static program: packaging/static.sh [TARGET [ARGUMENT...]]
# TARGET is this machine's by default, and cargo gets the other arguments. A target is named so that
# build scripts and macros are not linked statically, which fails.
#
# getrandom looks for the system call of its name in the shared libraries of the process. A static
# program has none, so it would read /dev/urandom instead, which an empty root does not have.
set -eu
target=${1:-$(uname -m)-unknown-linux-gnu}
[ $# -eq 0 ] || shift
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
export RUSTFLAGS="$RUSTFLAGS --cfg getrandom_backend=\"linux_getrandom\""
export CARGO_PROFILE_RELEASE_STRIP=symbols
exec cargo build --release --locked --bin channelstream --target "$target" "$@"
