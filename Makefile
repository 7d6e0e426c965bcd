# `make run` builds the server and starts it, and `make run-cluster` starts three nodes. `make test`
# runs all tests, and `make test-attack` runs the attacks at their full length. All of them install
# the programs that they need, and say so.

.PHONY: run run-cluster test test-attack test-cluster test-faults schemathesis soak bench \
	fuzz fuzz-proof fuzz-coverage fuzz-corpus \
	check web web-check docs deny install image dist dist-proof \
	.tools .browser .clock .promtool .redis .haproxy .node .npm .web .venv .original .python \
	.schemathesis .tutorials

# Installs packages of the distribution: $(call install_packages,what they are for,packages).
define install_packages
{ echo "installing $(1): $(2)"; \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -q && \
		$$SUDO apt-get install -y -q --no-install-recommends $(2); }
endef

run: .tools
	cargo run --release --locked -- --demo true

# Starts three nodes that share one Redis, and a balancer in front of them. Ctrl-C stops all.
run-cluster: .tools .redis .haproxy
	cargo build --release --locked
	packaging/run-cluster.sh

test: .tools .browser .clock .promtool .redis .haproxy .node .original .python .schemathesis .tutorials web-check
	cargo test --workspace --locked
	cd clients/python && ../../$(PYTHON)/bin/mypy && ../../$(PYTHON)/bin/pytest -q

# The attacks of `make test` at their full length, one after the other, against the release program.
# This takes minutes.
ATTACKS := activation:: chaos:: clock:: closes:: collisions:: concurrent_calls:: delivery:: \
	gaps:: idempotency:: logging:: long_work:: memory:: pings:: power_cut:: restarts:: \
	shared_encoding:: slow_attack:: slow_requests:: speed:: stop_under_load:: store::power:: \
	store::size:: upgrades::
test-attack: .tools .clock .redis .python
	cargo build --release --locked
	ATTACK=long CHANNELSTREAM_PROGRAM=$(CURDIR)/target/release/channelstream \
		cargo test --locked --test it -- --nocapture --test-threads 1 $(ATTACKS)
	ATTACK=long cargo test --release --locked -p channelstream-actors --test contract -- \
		--nocapture --skip two_nodes

# The tests of several nodes and their Redis at full length, against the release program. This takes
# two hours.
test-cluster: .tools .clock .redis
	cargo build --release --locked
	ATTACK=long CHANNELSTREAM_PROGRAM=$(CURDIR)/target/release/channelstream \
		cargo test --locked --test it -- --nocapture --test-threads 1 cluster:: conformance::
	ATTACK=long cargo test --release --locked -p channelstream-actors --test cluster -- --nocapture
	ATTACK=long cargo test --release --locked -p channelstream-actors --test contract -- \
		--nocapture two_nodes

# Runs each fuzz target for FUZZ_SECONDS (600), as many at a time as there are processors
# (docs/fuzzing.md).
fuzz: .tools
	fuzz/fuzz.sh run

# Checks that each fuzz target finds, within a minute, a fault that the feature `planted-faults`
# puts into its parser.
fuzz-proof: .tools
	fuzz/fuzz.sh proof

# Checks that the corpora run at least 80 % of the lines of each parser.
fuzz-coverage: .tools
	fuzz/fuzz.sh coverage

# Adds inputs to the corpora: those that `make fuzz` found, if they reach code that the corpora do
# not.
fuzz-corpus: .tools
	fuzz/fuzz.sh corpus

# All faults at once, of clients and of the server. This takes minutes. `FAULTS_SEED=n` runs the
# seed of an earlier run again.
test-faults: .tools
	cargo build --release --locked
	ATTACK=long CHANNELSTREAM_PROGRAM=$(CURDIR)/target/release/channelstream \
		cargo test --locked --test it -- --nocapture --test-threads 1 chaos::

# Sends 20,000 generated calls, and checks each answer against the description. `make test` has a
# short form. `SCHEMATHESIS_SEED=n` repeats an earlier run.
schemathesis: .tools .schemathesis
	cargo build --release --locked
	ATTACK=long CHANNELSTREAM_PROGRAM=$(CURDIR)/target/release/channelstream \
		cargo test --locked --test it -- --nocapture --test-threads 1 schemathesis::

check: .tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# The JavaScript and the style sheets of the pages and of the browser client. Browsers load these
# files as they are, so nothing is built. `make web` formats them, and mends what the linter can
# mend. `make web-check` says what is wrong, and runs the unit tests.
SCRIPTS := 'web/**/*.{js,css}' 'clients/javascript/**/*.{js,ts}'
PRETTIER = $(WEB)/node_modules/.bin/prettier --config web/prettier.config.js --log-level warn
ESLINT = $(WEB)/node_modules/.bin/eslint --config $(WEB)/eslint.config.js web clients/javascript
web: .web
	$(PRETTIER) --write $(SCRIPTS)
	$(ESLINT) --fix

web-check: .web
	$(PRETTIER) --check $(SCRIPTS)
	$(ESLINT)
	node --test web/test/*.test.js clients/javascript/test/*.test.js

# Compares this server with nchan, NATS and a bare loop of writes (docs/performance.md).
bench: .tools
	@command -v nats-server >/dev/null && test -e /usr/lib/nginx/modules/ngx_nchan_module.so || \
		$(call install_packages,what to compare with,nginx libnginx-mod-nchan nats-server)
	cargo build --release --locked --workspace
	target/release/channelstream-bench compare

# Runs the server for half an hour at half of the load that this machine can take, and fails if
# anything grows. `SOAK_SECONDS=n` sets another time.
soak: .tools
	cargo build --release --locked --workspace
	target/release/channelstream-bench soak --server target/release/channelstream

# Installs the server under both names of the original, for example with
# `make install PREFIX=/opt/channelstream`.
PREFIX ?= /usr/local
install: .tools
	cargo build --release --locked --bin channelstream
	install -D -m 755 target/release/channelstream $(DESTDIR)$(PREFIX)/bin/channelstream
	ln -sf channelstream $(DESTDIR)$(PREFIX)/bin/channelstream_utils

image:
	docker build -t channelstream .

# Builds the artefacts of a release in target/dist: RELEASING.md.
dist: .tools .node .python target/tools/bin/cargo-cyclonedx
	packaging/dist.sh

# Installs each artefact of `make dist` in a folder of its own, and uses it.
dist-proof: dist
	packaging/prove.sh

# Checks licences, sources and bans of all dependencies: deny.toml.
deny: .tools target/tools/bin/cargo-deny
	target/tools/bin/cargo-deny check bans licenses sources

# Builds the documentation as a site in target/docs, and checks its links.
docs: .tools target/tools/bin/mdbook
	packaging/docs.sh

# Compiled with few optimizations, since each of these programs runs for seconds.
target/tools/bin/%:
	CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
		CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
		cargo install --quiet --locked --root target/tools $*

# Installs a browser for the tests of pages.
.browser:
	@command -v chromedriver >/dev/null && command -v chromium >/dev/null || \
		$(call install_packages,a browser for the tests,chromium chromium-driver)

# Installs libfaketime for the tests that set a server's clock.
.clock:
	@test -n "$$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null)" || \
		$(call install_packages,a clock that tests can set,faketime)

# Installs the tool of Prometheus that checks metrics, the dashboard and the alert rules, for their
# tests.
.promtool:
	@command -v promtool >/dev/null || \
		$(call install_packages,what checks metrics and alert rules,prometheus)

# Installs the server in which several nodes share their state, and what makes its certificates.
.redis:
	@command -v redis-server >/dev/null && command -v openssl >/dev/null || \
		$(call install_packages,what several nodes share their state in,redis-server openssl)

# Installs the balancer in front of several nodes. Only root looks for programs in /usr/sbin.
.haproxy:
	@test -x /usr/sbin/haproxy || command -v haproxy >/dev/null || \
		$(call install_packages,a balancer in front of several nodes,haproxy)

# Installs the Python modules that create the environments below.
.venv:
	@python3 -c "import ensurepip, venv" 2>/dev/null || \
		$(call install_packages,what Python needs for the tests,python3-venv)

# Creates the environment of the tests against the original. It is separate, because the original
# needs old releases of its dependencies.
ORIGINAL := target/original
.original: $(ORIGINAL)/ready
$(ORIGINAL)/ready: tests/assets/original.txt | .venv
	python3 -m venv $(ORIGINAL)
	$(ORIGINAL)/bin/pip install -q --disable-pip-version-check -r tests/assets/original.txt
	touch $@

# Creates the environment of the tests of the Python client and of the generated one.
PYTHON := target/python
.python: $(PYTHON)/ready
$(PYTHON)/ready: clients/python/pyproject.toml tests/generated/requirements.txt | .venv
	python3 -m venv $(PYTHON)
	$(PYTHON)/bin/pip install -q --disable-pip-version-check -e "clients/python[test]" \
		-r tests/generated/requirements.txt
	touch $@

# Builds the Python packages that the tutorials install, so that their tests need no network.
TUTORIALS := target/tutorials
.tutorials: $(TUTORIALS)/ready
$(TUTORIALS)/ready: clients/python/pyproject.toml \
		$(wildcard clients/python/src/channelstream_client/*.py) | .venv
	rm -rf $(TUTORIALS)
	python3 -m venv $(TUTORIALS)/tools
	$(TUTORIALS)/tools/bin/pip wheel -q --disable-pip-version-check -w $(TUTORIALS)/wheels \
		./clients/python flask django
	touch $@

# Creates the environment of the tests that check answers against the description. It is separate,
# because these tests need other releases than those of the clients.
SCHEMATHESIS := target/schemathesis
.schemathesis: $(SCHEMATHESIS)/ready
$(SCHEMATHESIS)/ready: tests/schemathesis/requirements.txt | .venv
	python3 -m venv $(SCHEMATHESIS)
	$(SCHEMATHESIS)/bin/pip install -q --disable-pip-version-check \
		-r tests/schemathesis/requirements.txt
	touch $@

# Installs what the tests that run JavaScript need, and the programs that generate and compile the
# client in TypeScript.
NODE := target/node
.node: $(NODE)/ready
$(NODE)/ready: tests/generated/package.json tests/generated/package-lock.json | .npm
	mkdir -p $(NODE)
	cp tests/generated/package.json tests/generated/package-lock.json $(NODE)
	cd $(NODE) && npm ci --silent --no-audit --no-fund
	touch $@

# Installs what checks and formats JavaScript. The linter reads its rules there, because they import
# modules.
WEB := target/web
.web: $(WEB)/ready
$(WEB)/ready: web/package.json web/package-lock.json web/eslint.config.js | .npm
	mkdir -p $(WEB)
	cp web/package.json web/package-lock.json web/eslint.config.js $(WEB)
	cd $(WEB) && npm ci --silent --no-audit --no-fund
	touch $@

# Installs Node.
.npm:
	@command -v node >/dev/null && command -v npm >/dev/null || \
		$(call install_packages,what runs JavaScript for the tests,nodejs npm)

# Installs a compiler and linker for C, which some crates need to build.
.tools:
	@command -v cargo >/dev/null || { \
		echo "cargo is missing: install Rust 1.95 or newer from https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || \
		$(call install_packages,a C compiler,build-essential)
