#!/usr/bin/env bash
# Builds the Debian package: build.sh PROGRAM VERSION ARCHITECTURE FOLDER
set -euo pipefail
program=$1 version=$2 architecture=$3 folder=$4
here=$(dirname "$0")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

install -D -m 755 "$program" "$root/usr/bin/channelstream"
ln -s channelstream "$root/usr/bin/channelstream_utils"
for unit in channelstream.service channelstream.socket; do
    install -D -m 644 "docs/deploy/$unit" "$root/usr/lib/systemd/system/$unit"
done
# The examples in docs/deploy are for a program that was installed by hand.
sed -i 's|/usr/local/bin/|/usr/bin/|' "$root/usr/lib/systemd/system/channelstream.service"
install -D -m 644 channelstream.toml "$root/usr/share/doc/channelstream/channelstream.toml"
install -m 644 CHANGELOG.md "$root/usr/share/doc/channelstream/changelog.md"
cat LICENSE LICENSE-MIT LICENSE-APACHE >"$root/usr/share/doc/channelstream/copyright"

install -d -m 755 "$root/DEBIAN"
size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
    "$here/control" >"$root/DEBIAN/control"
for script in postinst prerm postrm; do
    install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
dpkg-deb --root-owner-group --build "$root" \
    "$folder/channelstream_${version}_$architecture.deb" >/dev/null
