#!/usr/bin/env bash
# Builds the documentation as a site into target/docs, and checks its links. Needs mdBook in
# target/tools, which `make docs` installs.
set -euo pipefail
cd "$(dirname "$0")/.."

# The source of the site has the same folders as the project, so links need no change. mdBook reads
# only one folder, so the files are copied.
book=target/book
rm -rf "$book" target/docs
mkdir -p "$book/source"
cp docs/book.toml "$book"
cp --parents README.md CHANGELOG.md CONTRIBUTING.md RELEASING.md SECURITY.md \
    clients/*/README.md clients/python/examples/*.py clients/javascript/src/channelstream.d.ts \
    "$book/source"
cp -r docs "$book/source"
rm "$book/source/docs/book.toml"

# The list of pages stands at the top of the source.
sed -e 's#](#](docs/#' -e 's#](docs/\.\./#](#' docs/SUMMARY.md >"$book/source/SUMMARY.md"
rm "$book/source/docs/SUMMARY.md"
# mdBook writes README.md as index.html, but does not change the links to it.
find "$book/source" -name '*.md' -exec sed -i -E 's#(\]\([^)]*)README\.md#\1index.md#g' {} +
find "$book/source" -name README.md -execdir mv {} index.md \;

target/tools/bin/mdbook build "$book" --dest-dir "$PWD/target/docs"
python3 packaging/check_links.py target/docs
