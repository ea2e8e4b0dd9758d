# Targets for people; `make` alone prints them. Each works from a clean clone.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
PYTHON  ?= python3
VENV     = target/venv
BINARY  ?= target/release/service-registry
# Cargo features of what `make build` builds: FEATURES=tls
FEATURES ?=

# What `make fuzz` tries, and for how long each.
FUZZ_TARGETS ?= $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
FUZZ_SECONDS ?= 60

# What a test run needs beside Rust, as Debian's packages and the command each one brings.
NEEDS = g++:g++ curl:curl python3-venv:$(PYTHON) binutils:readelf openssl:openssl \
        redis-server:redis-server redis-sentinel:redis-sentinel

# Where the packages put what is not below PREFIX, or not everywhere the same.
UNITDIR ?= $(PREFIX)/lib/systemd/system
ENVFILE ?= /etc/default/service-registry
ZSHDIR  ?= $(PREFIX)/share/zsh/vendor-completions
UNITS    = service-registry.service service-registry@.service service-registry.socket service-registry-health.socket

# What is built for the packages, where, and as what; and where the packages go.
DIST      ?= dist
PACKAGED   = $(CURDIR)/target/packaged
VERSION   ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
MAINTAINER = service-registry maintainers <maintainers@service-registry.example>
# Two builds of one commit give the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
CARGO_HOME ?= $(HOME)/.cargo
SYSROOT    = $(shell rustc --print sysroot)
REMAP      = --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$(CARGO_HOME)=cargo --remap-path-prefix=$(SYSROOT)=rust
PREFIX_MAP = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(CARGO_HOME)=cargo

# What `make test-sanitized` builds libzmq and the daemon with, for what machine; and the tests that it leaves out: they count the
# sanitizer's own memory, or, under ThreadSanitizer, watch signals, which it keeps back.
SANITIZER ?= address
HOST       = $(shell rustc -vV | sed -n 's/^host: //p')
UNSANITIZED = memory:: $(if $(filter thread,$(SANITIZER)),signals:: stop:: long_lists::)

# How long a soak lasts, in seconds.
SOAK_SECONDS ?= 600

.PHONY: help build run tools venv test test-faults test-packages test-sanitized lint fuzz fuzz-build mutants soak bench bench-peers bench-pure install \
  install-files uninstall packaged packages packages-twice \
  deb rpm copyright lint-shipped clean

help: ## print this
	@echo "service-registry: make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build the release binary, target/release/service-registry
	$(CARGO) build --release --locked --features "$(FEATURES)"

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

test: tools venv build ## run every test that needs no root (installs what is missing when it has it)
	$(CARGO) test --locked --features tls
	$(CARGO) test --locked --lib -- config:: link::
	$(CARGO) test --locked --manifest-path build/libzmq/Cargo.toml

test-faults: NEEDS += iproute2:ip
test-faults: tools ## kill, pause and cut off instances and their Redis (needs root; FAULTS_SEED=1 repeats)
	$(CARGO) test --locked --features tls --test faults

# N+1 is packed from the same binary; and N once more, whose bytes must be the same.
test-packages: NEEDS += systemd-container:systemd-nspawn mmdebstrap:mmdebstrap debhelper:dh dpkg-dev:dpkg-buildpackage \
  fakeroot:fakeroot lintian:lintian rpm:rpmbuild rpmlint:rpmlint iproute2:ip
test-packages: tools venv packaged ## install, upgrade, break and remove the packages in a booted Debian (needs root; PACKAGES_ONLY=redis)
	@rm -rf $(PACKAGED)/tested
	@$(MAKE) --no-print-directory -s deb rpm DIST=$(PACKAGED)/tested/n
	@$(MAKE) --no-print-directory -s deb rpm DIST=$(PACKAGED)/tested/again
	@$(MAKE) --no-print-directory -s deb rpm DIST=$(PACKAGED)/tested/next VERSION=$(VERSION)+next
	PACKAGES=$(PACKAGED)/tested $(CARGO) test --locked --features tls --test packages
	$(VENV)/bin/python tests/packages/compose.py $(PACKAGED)/release/service-registry

test-sanitized: tools venv ## run the tests from outside under AddressSanitizer (SANITIZER=thread: see CONTRIBUTING.md)
	rm -rf target/$(SANITIZER)/reports && mkdir -p target/$(SANITIZER)/reports
	RUSTC_BOOTSTRAP=1 LIBZMQ_SANITIZE=$(SANITIZER) RUSTFLAGS=-Zsanitizer=$(SANITIZER) \
	ASAN_OPTIONS=log_path=$(CURDIR)/target/address/reports/report LSAN_OPTIONS=suppressions=$(CURDIR)/tests/it/leaks.txt:print_suppressions=0 \
	TSAN_OPTIONS=$$TSAN_OPTIONS:report_thread_leaks=0:log_path=$(CURDIR)/target/thread/reports/report \
	$(CARGO) test --locked --features tls --target $(HOST) --target-dir target/$(SANITIZER) \
	  $(if $(filter thread,$(SANITIZER)),-Zbuild-std) --test it -- $(UNSANITIZED:%=--skip %) $(ARGS)
	@! ls target/$(SANITIZER)/reports | grep . || { echo "each of these in target/$(SANITIZER)/reports is a finding" >&2; exit 1; }

lint: NEEDS += systemd:systemd-analyze mandoc:mandoc shellcheck:shellcheck
lint: tools lint-shipped ## check format, clippy, documentation, units, manual pages and the terms of what is linked
	$(CARGO) fmt --check --all
	$(CARGO) clippy --locked --all-targets --features tls -- -D warnings
	$(CARGO) clippy --locked --all-targets --manifest-path build/libzmq/Cargo.toml -- -D warnings
	$(CARGO) clippy --locked --features tls --test faults --test packages -- -D warnings
	$(CARGO) clippy --locked -- -D warnings
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --manifest-path fuzz/Cargo.toml --lib --bins --tests -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --features tls --document-private-items

# 11 is an exposure of 1.1; verify wants a program that is there, so the units name another one for it.
lint-shipped:
	for unit in service-registry.service service-registry@.service; do \
	  systemd-analyze security --offline=yes --threshold=11 systemd/$$unit >target/exposure 2>&1 || { cat target/exposure; exit 1; }; \
	done
	rm -rf target/units && mkdir -p target/units
	for unit in $(UNITS); do sed 's|^ExecStart=.*|ExecStart=/bin/true|' systemd/$$unit > target/units/$$unit || exit 1; done
	cd target/units && SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --recursive-errors=no \
	  service-registry.service service-registry@a.service service-registry.socket service-registry-health.socket
	mandoc -T lint -W warning packaging/man/*.[58]
	shellcheck packaging/*.sh packaging/debian/*.prerm packaging/debian/*.postrm packaging/completions/*.bash
	$(PYTHON) packaging/copyright.py --check

fuzz-build: tools ## compile the fuzz targets, and try each on its kept inputs
	$(CARGO) build --locked --manifest-path fuzz/Cargo.toml --bins
	$(CARGO) test --locked --manifest-path fuzz/Cargo.toml

fuzz: tools ## fuzz for a minute a target (FUZZ_SECONDS=600 FUZZ_TARGETS=parser changes that)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	@run="+nightly fuzz run"; \
	$(CARGO) +nightly --version >/dev/null 2>&1 || { \
	  echo "no nightly Rust (rustup toolchain install nightly): fuzzing without AddressSanitizer" >&2; \
	  run="fuzz run --sanitizer none"; \
	}; \
	status=0; \
	for target in $(FUZZ_TARGETS); do \
	  dictionary=fuzz/dictionaries/$$target.dict; \
	  mkdir -p fuzz/grown/$$target; \
	  $(CARGO) $$run $$target fuzz/grown/$$target fuzz/corpus/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
	    $$([ ! -e $$dictionary ] || echo -dict=$$dictionary) || status=1; \
	done; \
	exit $$status

# 3 says that some mutant never ended. The time limit has caught that one, so what is missed alone decides.
mutants: ## see whether the unit tests notice small changes in parse, act and store
	@$(CARGO) mutants --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-mutants
	$(CARGO) mutants $(ARGS) || { [ $$? = 3 ] && [ ! -s target/mutants.out/missed.txt ]; }

bench: tools bare-zeromq ## print the table of docs/performance.md (ARGS="--growth": how the cost of a lookup grows)
	$(CARGO) bench --locked --bench registry -- $(ARGS)

# What the registry is held against: a bare ZeroMQ server, with libzmq as the crates bring it.
bare-zeromq:
	$(CARGO) build --release --locked --manifest-path benches/bare/Cargo.toml --target-dir target/bare

bench-peers: bare-zeromq ## the same work on Redis, NATS, ZooKeeper and etcd (as root on Debian, installs them)
	@sh benches/peers/install.sh
	$(CARGO) bench --locked --bench peers -- $(ARGS)

bench-pure: ## measure parse, act and render alone, without sockets (ARGS="lookup" picks rows)
	$(CARGO) bench --locked --bench pure -- $(ARGS)

soak: ## storms, floods and scarcity at random, for 10 minutes (SOAK_SECONDS=60; SOAK_SEED=1 repeats)
	SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --release --locked --test soak
	REDIS_AWAY_SECONDS=60 $(CARGO) test --locked --features tls --test it redis::pace::without_redis
	STATE_KILLS=$$(($(SOAK_SECONDS) * 5 / 3)) $(CARGO) test --locked --features tls --test it state::kills

install: ## install the built binary, units, manual and completions under PREFIX=/usr/local (run `make build` first)
	@[ -x $(BINARY) ] || { echo "nothing to install yet: run 'make build' first" >&2; exit 1; }
	@$(MAKE) --no-print-directory install-files

install-files:
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/service-registry
	for unit in $(UNITS); do \
	  install -D -m 644 systemd/$$unit $(DESTDIR)$(UNITDIR)/$$unit && \
	  sed -i 's|^ExecStart=/usr/bin/|ExecStart=$(PREFIX)/bin/|' $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	install -D -m 644 systemd/service-registry.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/service-registry.conf
	[ -e $(DESTDIR)$(ENVFILE) ] || install -D -m 640 packaging/service-registry.default $(DESTDIR)$(ENVFILE)
	install -D -m 644 packaging/man/service-registry.8 $(DESTDIR)$(PREFIX)/share/man/man8/service-registry.8
	install -D -m 644 packaging/man/service-registry.env.5 $(DESTDIR)$(PREFIX)/share/man/man5/service-registry.env.5
	install -D -m 644 packaging/completions/service-registry.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/service-registry
	install -D -m 644 packaging/completions/service-registry.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/service-registry.fish
	install -D -m 644 packaging/completions/service-registry.zsh $(DESTDIR)$(ZSHDIR)/_service-registry

uninstall: ## remove what install put there, but for the variables and the state
	rm -f $(DESTDIR)$(PREFIX)/bin/service-registry $(UNITS:%=$(DESTDIR)$(UNITDIR)/%) \
	  $(DESTDIR)$(PREFIX)/lib/sysusers.d/service-registry.conf \
	  $(DESTDIR)$(PREFIX)/share/man/man8/service-registry.8 $(DESTDIR)$(PREFIX)/share/man/man5/service-registry.env.5 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/service-registry \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/service-registry.fish $(DESTDIR)$(ZSHDIR)/_service-registry

# The binary of the packages: TLS, libstdc++ inside, and no path of this machine. In a folder of its own, since these flags differ.
packaged:
	@CXXSTDLIB="static=stdc++" CFLAGS="$(PREFIX_MAP)" CXXFLAGS="$(PREFIX_MAP)" \
	RUSTFLAGS="$(REMAP) -L native=$$(dirname $$($(CXX) -print-file-name=libstdc++.a))" \
	$(CARGO) build --release --locked --features tls --target-dir $(PACKAGED)

packages: NEEDS += lintian:lintian rpmlint:rpmlint
packages: deb rpm ## build the .deb and the .rpm in dist/, and check them (VERSION=… for another version)
	sh packaging/check.sh $(PACKAGED)/release/service-registry $(DIST)/*_$(VERSION)_*.deb $(DIST)/*-$(VERSION)-*.rpm

packages-twice: packages ## build both again, in a clone elsewhere, and compare the bytes
	sh packaging/again.sh

deb: NEEDS += debhelper:dh dpkg-dev:dpkg-buildpackage fakeroot:fakeroot
deb: tools packaged ## build the package of Debian and Ubuntu
	rm -rf $(PACKAGED)/deb && mkdir -p $(PACKAGED)/deb/source $(DIST)
	cp -r packaging/debian $(PACKAGED)/deb/source/debian
	cp packaging/copyright $(PACKAGED)/deb/source/debian/copyright
	printf 'service-registry (%s) unstable; urgency=medium\n\n  * What has changed is in CHANGELOG.md of this version.\n\n -- %s  %s\n' \
	  "$(VERSION)" "$(MAINTAINER)" "$$(date -u -R -d @$(SOURCE_DATE_EPOCH))" > $(PACKAGED)/deb/source/debian/changelog
	cd $(PACKAGED)/deb/source && SOURCE=$(CURDIR) BINARY=$(PACKAGED)/release/service-registry \
	  SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) dpkg-buildpackage -us -uc -b >../log 2>&1 || { cat ../log >&2; exit 1; }
	mv $(PACKAGED)/deb/service-registry_$(VERSION)_*.deb $(DIST)/

rpm: NEEDS += rpm:rpmbuild
rpm: tools packaged ## build the package of Fedora, RHEL and SUSE
	rm -rf $(PACKAGED)/rpm && mkdir -p $(PACKAGED)/rpm $(DIST)
	BINARY=$(PACKAGED)/release/service-registry SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) rpmbuild -bb --quiet \
	  --define "_topdir $(PACKAGED)/rpm" --define "version $(VERSION)" --define "source $(CURDIR)" \
	  --define "changed $$(LC_ALL=C date -u '+%a %b %d %Y' -d @$(SOURCE_DATE_EPOCH))" \
	  --define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" \
	  --define "clamp_mtime_to_source_date_epoch 1" packaging/service-registry.spec
	mv $(PACKAGED)/rpm/RPMS/*/*.rpm $(DIST)/

copyright: ## write packaging/copyright anew from the crates that are linked
	$(PYTHON) packaging/copyright.py

clean: ## remove everything that was built
	$(CARGO) clean
	rm -rf dist fuzz/target
