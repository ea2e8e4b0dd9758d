# Targets for people; `make` alone prints them. Each works from a clean clone.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
PYTHON  ?= python3
VENV     = target/venv
BINARY   = target/release/service-registry

# What a test run needs beside Rust, as Debian's packages and the command each one brings.
NEEDS = g++:g++ curl:curl python3-venv:$(PYTHON) binutils:readelf

.PHONY: help build run tools venv test lint bench bench-peers install uninstall clean

help: ## print this
	@echo "service-registry: make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build the release binary, target/release/service-registry
	$(CARGO) build --release --locked

run: build ## build and run it on ports 7100 and 8100 (ARGS="--port 7200" adds flags)
	$(BINARY) $(ARGS)

tools: ## install what tests need (as root on Debian), or say how
	@missing=; \
	for need in $(NEEDS); do \
	  command -v "$${need#*:}" >/dev/null || missing="$$missing $${need%%:*}"; \
	done; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else \
	  echo "missing:$$missing. Type: sudo apt-get install$$missing" >&2; exit 1; \
	fi

venv: tools $(VENV)/ready ## make the Python environment of the tests, in target/venv

$(VENV)/ready: tests/it/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/it/python/requirements.txt
	@touch $@

test: tools venv build ## run every test (needs no root; installs what is missing when it has it)
	$(CARGO) test --locked

lint: ## check format, clippy and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

bench: ## print the table of docs/performance.md (ARGS="--growth": how the cost of a lookup grows)
	$(CARGO) bench --locked --bench registry -- $(ARGS)

bench-peers: ## the same work on Redis, NATS, ZooKeeper and etcd (as root on Debian, installs them)
	@sh benches/peers/install.sh
	$(CARGO) bench --locked --bench peers -- $(ARGS)

install: ## install the built binary under PREFIX=/usr/local (run `make build` first)
	@[ -x $(BINARY) ] || { echo "nothing to install yet: run 'make build' first" >&2; exit 1; }
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/service-registry

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/service-registry

clean: ## remove everything that was built
	$(CARGO) clean
	rm -rf dist
