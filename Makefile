# VMS Enterprise: every command one may run. `make help` lists them.
#
# The two that matter: `make demo` runs the product with simulated cameras,
# `make test` runs every check. Both set up what they need by themselves.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What is dear to build or to fetch is kept outside the checkout, so that a
# fresh clone need not begin anew. Cargo, uv and npm key what they keep by
# the versions and hashes of the lock files.
export DEV_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vms
export CARGO_TARGET_DIR ?= $(DEV_CACHE)/target
export UV_CACHE_DIR ?= $(DEV_CACHE)/uv
export npm_config_cache ?= $(DEV_CACHE)/npm
export PATH := $(DEV_CACHE)/tools/bin:$(PATH)

# Some containers set this. Each process of the product would then compile every module anew:
# seconds of each of the hundreds of starts that the tests make.
unexport PYTHONDONTWRITEBYTECODE

# Seconds for each fuzz target.
export FUZZ_SECONDS ?= 10

# Processes that run Python tests, each with a PostgreSQL of its own; auto: one a core.
export PYTEST_JOBS ?= auto

BIN := .venv/bin
WEB := clients/web

##@ Run

.PHONY: demo
demo: setup ## Run the product with simulated cameras and print where to look
	@exec $(BIN)/vms demo $(ARGS)

##@ Check

.PHONY: test
test: ## Run every check, each timed (what CI runs)
	@scripts/test.sh

.PHONY: format
format: setup-python setup-web ## Rewrite Rust and Python sources in the agreed format
	cargo fmt --all
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: lint
lint: lint-rust lint-python lint-web docs-check ## Formatting, lint, types, import rules

.PHONY: lint-rust
lint-rust: ## rustfmt and clippy; warnings fail
	@scripts/require.sh cargo cc
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: lint-python
lint-python: setup-python ## ruff, mypy --strict, import rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: lint-web
lint-web: setup-web ## eslint and tsc
	cd $(WEB) && node_modules/.bin/eslint --max-warnings 0 .
	cd $(WEB) && node_modules/.bin/tsc --noEmit

.PHONY: docs-check
docs-check: ## Links and anchors of the docs, length of files, lock files
	@scripts/require.sh python3
	python3 scripts/check_docs.py
	python3 scripts/check_tree.py

.PHONY: test-rust
test-rust: ## Rust tests with coverage; under 80 % fails
	@scripts/require.sh cargo cc ffmpeg srt-live-transmit
	@scripts/cargo_tool.sh cargo-llvm-cov
	@scripts/test_rust.sh

.PHONY: test-python
test-python: setup ffmpeg gstreamer postgresql ## Python tests with coverage; under 80 % fails; beside them a short soak
	@scripts/test_python.sh

.PHONY: soak
soak: setup ffmpeg ## The product for HOURS, or SOAK_SECONDS, under faults, with viewers who come and go
	@$(BIN)/python tests/soak.py

.PHONY: stubtest
stubtest: setup ## Compare the types of vms._engine with what is built
	$(BIN)/python -m mypy.stubtest vms._engine

.PHONY: test-web
test-web: setup-web ## Unit tests of the web client with coverage; under 80 % fails
	cd $(WEB) && node_modules/.bin/vitest run --coverage

.PHONY: test-browser
test-browser: setup chromium turnserver ## The product in a real Chromium; screenshots in tests/artifacts
	node --test --test-timeout=180000 tests/browser/*.test.mjs

.PHONY: firefox
firefox: setup firefox-esr ## The wall in a real Firefox; not part of `make test`
	node --test --test-timeout=180000 tests/browser/firefox/*.test.mjs

.PHONY: test-wheel
test-wheel: setup-python setup-web setup-verifier chromium ## The wheel in an empty environment shows pictures in under 60 s
	@scripts/test_wheel.sh

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZ_SECONDS (default 10)
	@scripts/require.sh cargo cc
	@scripts/fuzz.sh

##@ Build

.PHONY: setup
setup: setup-python setup-web setup-engine setup-verifier ## Prepare .venv/bin/vms, engine and web client

.PHONY: setup-python
setup-python:
	@scripts/setup.sh python

.PHONY: setup-web
setup-web:
	@scripts/setup.sh web

.PHONY: setup-engine
setup-engine: setup-python
	@scripts/setup.sh engine

.PHONY: setup-verifier
setup-verifier: setup-python setup-web
	@scripts/setup.sh verifier

.PHONY: wheel
wheel: setup-python setup-web setup-verifier ## One wheel with engine and web client, in dist/
	@scripts/require.sh cargo cc
	$(BIN)/maturin build --release --locked --out dist

.PHONY: lock
lock: setup-python setup-web ## Renew the lock files after a change of dependencies
	PATH="$$PWD/$(BIN):$$PATH" scripts/lock.sh
	cd $(WEB) && npm install --package-lock-only
	cargo update --workspace

.PHONY: clean
clean: ## Remove what was built in this checkout (caches outside it stay)
	rm -rf .venv dist src/vms/web src/vms/_engine*.so $(WEB)/node_modules $(WEB)/coverage tests/artifacts

##@ Measure

.PHONY: bench
bench: setup chromium ## Measure speed and memory, print the table of docs/benchmarks.md
	cargo build --release --locked -p vms-load
	$(BIN)/python benchmarks/run.py $(ARGS)

##@ Help

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: chromium ffmpeg firefox-esr gstreamer postgresql turnserver
chromium ffmpeg firefox-esr gstreamer postgresql turnserver:
	@scripts/require.sh $@
