#!/usr/bin/env bash
# Builds what a release consists of into target/dist:
#   a static program, a Debian package, the npm tarball of the browser client, the wheel of the
#   Python client, the crates, a list of all dependencies (CycloneDX), and checksums.
set -euo pipefail
cd "$(dirname "$0")/.."

dist=target/dist
target=${DIST_TARGET:-x86_64-unknown-linux-gnu}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
case $target in
x86_64-*) architecture=amd64 ;;
aarch64-*) architecture=arm64 ;;
*) echo "dist: no Debian architecture is known for $target" >&2; exit 1 ;;
esac
rm -rf "$dist"
mkdir -p "$dist"

echo "dist: the program"
packaging/static.sh "$target" --target-dir target/static
program=target/static/$target/release/channelstream
name=channelstream-$version-${target%%-*}-linux
mkdir -p "$dist/$name"
install -m 755 "$program" "$dist/$name/channelstream"
install -m 644 LICENSE LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md channelstream.toml \
    docs/deploy/channelstream.service docs/deploy/channelstream.socket "$dist/$name"
tar --owner=0 --group=0 --sort=name -C "$dist" -czf "$dist/$name.tar.gz" "$name"
rm -r "${dist:?}/$name"

echo "dist: the Debian package"
packaging/deb/build.sh "$program" "$version" "$architecture" "$dist"

if [ "$architecture" = amd64 ]; then # What follows is the same for all machines.
    echo "dist: the browser client"
    npm pack --silent --pack-destination "$dist" ./clients/javascript >/dev/null

    echo "dist: the Python client"
    target/python/bin/pip wheel --quiet --disable-pip-version-check --no-deps \
        --wheel-dir "$dist" ./clients/python

    echo "dist: the crates"
    cargo publish --workspace --dry-run --locked --allow-dirty
    # The dry run keeps no crates.
    cargo package --quiet --no-verify --locked --allow-dirty -p channelstream-actors \
        -p channelstream
    cp target/package/channelstream{,-actors}-"$version".crate "$dist"

    echo "dist: the list of dependencies"
    target/tools/bin/cargo-cyclonedx cyclonedx --quiet --format json --all --override-filename sbom
    mv sbom.json "$dist/channelstream-$version.cdx.json"
    git ls-files --others --exclude-standard -- '*sbom.json' | xargs -r rm
fi

(cd "$dist" && sha256sum -- * >"SHA256SUMS-$architecture")
(cd "$dist" && ls -l)
