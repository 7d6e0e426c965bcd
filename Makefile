# `make run` builds and serves; `make test` proves it, and `make test-attack` at length. They install what they need, and say so.

.PHONY: run test test-attack test-faults schemathesis soak fuzz fuzz-proof fuzz-coverage fuzz-corpus check deny install image dist dist-proof bench .tools .browser .clock .promtool .node \
	.venv .original .python .schemathesis

run: .tools
	cargo run --release --locked -- --demo true

test: .tools .browser .clock .promtool .node .original .python .schemathesis
	cargo test --workspace --locked
	cd clients/python && ../../$(PYTHON)/bin/mypy && ../../$(PYTHON)/bin/pytest -q

# The attacks of `make test` at their full length, one after the other, against the release program: minutes.
ATTACKS := activation:: chaos:: clock:: closes:: collisions:: copies:: delivery:: gaps:: idempotency:: logging:: long_work:: memory:: pings:: power_cut:: \
	restarts:: slow_attack:: slow_requests:: speed:: stop_under_load:: store::power:: store::size:: storms:: upgrades::
test-attack: .tools .clock .python
	cargo build --release --locked
	ATTACK=long CHANNELSTREAM_PROGRAM=$(CURDIR)/target/release/channelstream \
		cargo test --locked --test it -- --nocapture --test-threads 1 $(ATTACKS)
	ATTACK=long cargo test --release --locked -p channelstream-actors --test contract -- --nocapture

# Each fuzz target for FUZZ_SECONDS (600), as many at a time as there are processors: docs/fuzzing.md.
fuzz: .tools
	fuzz/fuzz.sh run

# Each fuzz target finds a fault that the feature `planted-faults` puts into its parser, within a minute.
fuzz-proof: .tools
	fuzz/fuzz.sh proof

# How many lines of each parser the corpora run: at least 80 %.
fuzz-coverage: .tools
	fuzz/fuzz.sh coverage

# Adds to the corpora what `make fuzz` found and they do not reach.
fuzz-corpus: .tools
	fuzz/fuzz.sh corpus

# All faults at once, to clients and to the server: minutes. `FAULTS_SEED=n` gives the seed of an earlier run.
test-faults: .tools
	cargo build --release --locked
	ATTACK=long CHANNELSTREAM_PROGRAM=$(CURDIR)/target/release/channelstream \
		cargo test --locked --test it -- --nocapture --test-threads 1 chaos::

# 20,000 generated cases of calls, each answer held to the description; `make test` has a short form. `SCHEMATHESIS_SEED=n` repeats them.
schemathesis: .tools .schemathesis
	cargo build --release --locked
	ATTACK=long CHANNELSTREAM_PROGRAM=$(CURDIR)/target/release/channelstream \
		cargo test --locked --test it -- --nocapture --test-threads 1 schemathesis::

check: .tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# This server beside nchan, NATS and the bare loop of writes: docs/performance.md.
bench: .tools
	@command -v nats-server >/dev/null && test -e /usr/lib/nginx/modules/ngx_nchan_module.so || { \
		echo "installing what to compare with: nginx, libnginx-mod-nchan, nats-server"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends nginx libnginx-mod-nchan nats-server; }
	cargo build --release --locked --workspace
	target/release/channelstream-bench compare

# Half an hour at half of what this machine can do: nothing may grow. `SOAK_SECONDS=n` takes another time.
soak: .tools
	cargo build --release --locked --workspace
	target/release/channelstream-bench soak --server target/release/channelstream

# The server under both names that the original has. `make install PREFIX=/opt/channelstream`
PREFIX ?= /usr/local
install: .tools
	cargo build --release --locked --bin channelstream
	install -D -m 755 target/release/channelstream $(DESTDIR)$(PREFIX)/bin/channelstream
	ln -sf channelstream $(DESTDIR)$(PREFIX)/bin/channelstream_utils

image:
	docker build -t channelstream .

# What a release consists of, in target/dist: RELEASING.md.
dist: .tools .node .python target/tools/bin/cargo-cyclonedx
	packaging/dist.sh

# Installs each artefact of `make dist` where nothing else is, and uses it.
dist-proof: dist
	packaging/prove.sh

# Licences, sources and bans of all dependencies: deny.toml.
deny: .tools target/tools/bin/cargo-deny
	target/tools/bin/cargo-deny check bans licenses sources

target/tools/bin/%:
	cargo install --quiet --locked --root target/tools $*

# For the tests of pages.
.browser:
	@command -v chromedriver >/dev/null && command -v chromium >/dev/null || { echo "installing a browser for the tests: chromium, chromium-driver"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends chromium chromium-driver; }

# For the tests that set a server's clock.
.clock:
	@test -n "$$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null)" || { echo "installing a clock that tests can set: faketime"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends faketime; }

# For the tests of the metrics, the dashboard and the alert rules: the tool of Prometheus that checks them.
.promtool:
	@command -v promtool >/dev/null || { echo "installing what checks metrics and alert rules: prometheus"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends prometheus; }

# What the environments below are made with.
.venv:
	@python3 -c "import ensurepip, venv" 2>/dev/null || { echo "installing what Python needs for the tests: python3-venv"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends python3-venv; }

# For the tests against the original: an environment of its own, since it needs old releases of what it builds on.
ORIGINAL := target/original
.original: $(ORIGINAL)/ready
$(ORIGINAL)/ready: tests/assets/original.txt | .venv
	python3 -m venv $(ORIGINAL)
	$(ORIGINAL)/bin/pip install -q --disable-pip-version-check -r tests/assets/original.txt
	touch $@

# For the tests of the Python client and of the generated one: an environment of its own.
PYTHON := target/python
.python: $(PYTHON)/ready
$(PYTHON)/ready: clients/python/pyproject.toml tests/generated/requirements.txt | .venv
	python3 -m venv $(PYTHON)
	$(PYTHON)/bin/pip install -q --disable-pip-version-check -e "clients/python[test]" -r tests/generated/requirements.txt
	touch $@

# For the tests that hold answers to the description: an environment of its own, since it needs other releases than the clients' tests.
SCHEMATHESIS := target/schemathesis
.schemathesis: $(SCHEMATHESIS)/ready
$(SCHEMATHESIS)/ready: tests/schemathesis/requirements.txt | .venv
	python3 -m venv $(SCHEMATHESIS)
	$(SCHEMATHESIS)/bin/pip install -q --disable-pip-version-check -r tests/schemathesis/requirements.txt
	touch $@

# For the tests that run JavaScript, and for the client that is generated in TypeScript: what generates and compiles it.
NODE := target/node
.node: $(NODE)/ready
$(NODE)/ready: tests/generated/package.json tests/generated/package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "installing what runs JavaScript for the tests: nodejs, npm"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends nodejs npm; }
	mkdir -p $(NODE)
	cp tests/generated/package.json tests/generated/package-lock.json $(NODE)
	cd $(NODE) && npm ci --silent --no-audit --no-fund
	touch $@

# A compiler and linker for C, which some crates build with.
.tools:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.95 or newer from https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "installing a C compiler: build-essential"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && $$SUDO apt-get install -y -q --no-install-recommends build-essential; }
