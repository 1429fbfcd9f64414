# What there is to do here; `make help` lists it. Works as root on a bare Debian 12 that has git and make.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help packages agent images build demo test install deb test-long clean-cache

export XDG_CACHE_HOME ?= $(HOME)/.cache
cache := $(XDG_CACHE_HOME)/metal
# What the stages of `make test` took.
export TIMES := $(cache)/times

# Beside the images, so that a fresh clone finds what an earlier one compiled.
export CARGO_TARGET_DIR ?= $(cache)/target
export CARGO_INCREMENTAL ?= 0
# What Go compiles of Kubernetes, gigabytes of it, so that `make clean-cache` finds that too.
export GOCACHE ?= $(cache)/go/build
export GOMODCACHE ?= $(cache)/go/modules
# rustup puts itself there, and a shell without a login does not know.
export PATH := $(HOME)/.cargo/bin:$(PATH)

# The agent runs where no libc is, so it is linked statically. That takes a named target: without one the
# flag would reach macros and build scripts too, and those cannot be static.
triple := x86_64-unknown-linux-gnu
export METAL_AGENT := $(CARGO_TARGET_DIR)/$(triple)/agent/metal-agent
static := -C target-feature=+crt-static

# Two machines at a time are what two cores bear.
run_tests := RUST_TEST_THREADS=2 cargo test --locked --workspace --lib --bins --tests

stage := @.ci/stage
sub := $(MAKE) --no-print-directory

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

packages: ## install what building, testing and the demo need
	@.ci/packages

agent: ## the static agent
	@RUSTFLAGS='$(static)' cargo build --locked --package agent --profile agent --target $(triple)

images: agent ## the RAM image, the loaders and the operating systems, where their recipe has changed
	@images/build

build: ## server, metalctl and the lab
	@cargo build --locked --workspace --bins

demo: ## two machines in a virtual rack, from power-on to a Kubernetes cluster; Ctrl-C ends it
	@rm -f $(TIMES)
	$(stage) packages $(sub) packages
	$(stage) build $(sub) build
	$(stage) images $(sub) images
	@exec $(CARGO_TARGET_DIR)/debug/lab demo

# Everything is compiled before anything runs: a machine that boots beside a compiler misses its deadlines.
test: ## everything that has to hold, real boots among it
	@rm -f $(TIMES)
	$(stage) packages $(sub) packages
	$(stage) fmt cargo fmt --check
	$(stage) clippy cargo clippy --locked --workspace --all-targets -- -D warnings
	$(stage) build cargo build --locked --workspace --all-targets
	$(stage) images $(sub) images
	$(stage) tests env $(run_tests)
	@.ci/stage --sum

install: packages images ## metald and metalctl, optimised, and the images, for a real rack: below $(DESTDIR)/
	@cargo build --locked --release --package server --package metalctl
	install -D -m 755 $(CARGO_TARGET_DIR)/release/metald $(DESTDIR)/usr/local/sbin/metald
	install -D -m 755 $(CARGO_TARGET_DIR)/release/metalctl $(DESTDIR)/usr/local/bin/metalctl
	$(CARGO_TARGET_DIR)/release/metald man $(DESTDIR)/usr/local/share/man/man1
	$(CARGO_TARGET_DIR)/release/metalctl man $(DESTDIR)/usr/local/share/man/man1
	mkdir -p $(DESTDIR)/usr/local/share/bash-completion/completions
	$(CARGO_TARGET_DIR)/release/metalctl completions bash >$(DESTDIR)/usr/local/share/bash-completion/completions/metalctl
	mkdir -p $(DESTDIR)/var/lib/metald/images
	cp -rL $(cache)/images/* $(DESTDIR)/var/lib/metald/images/

deb: packages ## metald and metalctl as a Debian package; the images are made by `make images`
	@cargo build --locked --release --package server --package metalctl
	@.ci/deb $(CARGO_TARGET_DIR)/release $(CARGO_TARGET_DIR)/metald.deb

test-long: packages images ## what takes too long for every day
	@images/build debian-12-kubernetes-1.37
	@cargo build --locked --workspace --all-targets
	@$(run_tests) -- --ignored

clean-cache: ## forget all that was built: images, target folder, the demo's state
	rm -rf $(cache)
