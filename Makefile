# What is in the workshop: `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/run-installed
DEV_READY := $(VENV)/dev-installed
SPELLED := .ci bench chargemon_edge debian docs etc examples release systemd tests CHANGELOG.md CONTRIBUTING.md Makefile README.md SECURITY.md pyproject.toml

# Every lock holds all of a thing's dependencies, so pip need not look for more
PIP_INSTALL := pip install --quiet --quiet --require-hashes --no-deps
PYTEST := $(BIN)/python -m pytest -q

# What was compiled once need not be compiled by the next run
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*  ## /\1	/' | expand -t 14

.PHONY: run
run: $(RUN_READY)  ## the daemon on a simulated site; prints the address of its page; BROKER=localhost:1883 tells a broker
	$(BIN)/python -m chargemon_edge demo $(if $(BROKER),--broker $(BROKER))

.PHONY: check
check: $(DEV_READY)  ## the everyday checks, in under 30 s
	@$(MAKE) --no-print-directory -j2 --output-sync=target quick properties types style imports spelling

.PHONY: test
test: $(DEV_READY)  ## everything a change must pass; on a fresh machine as root it installs what it needs
	@.ci/packages
	@$(MAKE) --no-print-directory -j2 --output-sync=target types style imports spelling
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q tests/test_tidy.py tests/unit tests/property tests/integration tests/certification
	@$(BIN)/coverage report --skip-covered --fail-under=$(COVERAGE_FLOOR)
	@$(MAKE) --no-print-directory newer
	CHARGEMON_SEEDS=1 $(PYTEST) tests/simulation/test_days.py::test_twenty_chargers_for_a_day
	$(PYTEST) tests/simulation tests/system

# In percent of lines and branches, by the tests without processes of their own
COVERAGE_FLOOR := 90

.PHONY: style types imports spelling quick properties
style: $(DEV_READY)
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted; try: make tidy"; $(BIN)/ruff format --check .; }
	@$(BIN)/ruff check --quiet .
	@echo "style: ok"
types: $(DEV_READY)
	@$(BIN)/mypy --no-error-summary
	@echo "types: ok"
imports: $(DEV_READY)
	@$(BIN)/lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }
	@echo "imports: ok"
spelling: $(DEV_READY)
	@$(BIN)/codespell $(SPELLED)
	@echo "spelling: ok"
quick: $(DEV_READY)
	@$(PYTEST) tests/test_tidy.py tests/unit
# beside the others, where there are two cores; the cache is theirs
properties: $(DEV_READY)
	@$(PYTEST) -p no:cacheprovider tests/property

.PHONY: tidy
tidy: $(DEV_READY)  ## format, and mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The shipped interpreter of the next Debian: unit and property tests, where such an interpreter is at hand
.PHONY: newer
newer:
	@python=$$(for p in python3.13 $$(ls -d "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13.*/bin/python3.13 2>/dev/null); do \
	    if $$p -c '' 2>/dev/null; then echo $$p; break; fi; done); \
	if [ -z "$$python" ]; then echo "newer: no Python 3.13 on this machine, its run is left out"; exit 0; fi; \
	$(MAKE) --no-print-directory VENV=.venv-3.13 PYTHON=$$python newer-tests
.PHONY: newer-tests
newer-tests: $(DEV_READY)
	@$(BIN)/python --version
	$(PYTEST) -p no:cacheprovider tests/test_tidy.py tests/unit tests/property

.PHONY: nightly
nightly: $(DEV_READY)  ## the same properties and simulations on many more seeds; takes long
	@.ci/packages
	CHARGEMON_TREES=$${CHARGEMON_TREES:-20000} CHARGEMON_SEEDS=$${CHARGEMON_SEEDS:-20} \
	CHARGEMON_KILLS=$${CHARGEMON_KILLS:-50} CHARGEMON_HOURS=$${CHARGEMON_HOURS:-24} \
	CHARGEMON_UPLINK_KILLS=$${CHARGEMON_UPLINK_KILLS:-20} \
	STORE_KILLS=$${STORE_KILLS:-200} STORE_CUTS=$${STORE_CUTS:-200} \
	CHARGEMON_FUZZ=$${CHARGEMON_FUZZ:-100000} CHARGEMON_EXAMPLES=$${CHARGEMON_EXAMPLES:-200} \
	    $(PYTEST) --timeout=7200 tests/property tests/integration/csms tests/integration/store \
	    tests/integration/upstream tests/integration/web tests/simulation tests/system

.PHONY: bench
bench: $(DEV_READY)  ## every benchmark, briefly: one table, each figure beside its goal
	@$(BIN)/python -m bench

# gzip is quick, xz is small
COMPRESSION ?= xz
# A key of gpg, to sign SHA256SUMS with
SIGN_KEY ?=
PACKAGES := -m release --compression $(COMPRESSION) $(if $(SIGN_KEY),--sign $(SIGN_KEY))
.PHONY: deb deb-all
deb: $(DEV_READY)  ## the packages for Debian 12, amd64 and arm64, in dist/; COMPRESSION=gzip makes them quickly
	@.ci/packages
	@$(BIN)/python $(PACKAGES)
deb-all: $(DEV_READY)  ## the packages for Debian 12 and 13
	@.ci/packages
	@$(BIN)/python $(PACKAGES) --release bookworm --release trixie

.PHONY: release-test
release-test: $(DEV_READY)  ## what a release must pass beside test: Debian 13, the same package made twice, piuparts, from 12 to 13
	@.ci/packages release
	CHARGEMON_DEBIAN=trixie $(PYTEST) --timeout=1800 tests/system/installed
	$(PYTEST) --timeout=3600 tests/release

.PHONY: lock
lock: $(DEV_READY)  ## pin requirements/*.in anew; UPGRADE=--upgrade takes newer versions
	@for name in run dev build; do \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-package pip \
	        $(UPGRADE) requirements/$$name.in --output-file requirements/$$name.txt; done

.PHONY: cases
cases: $(DEV_READY)  ## write the tables of what the tests show into docs/ocpp.md, security.md and reliability.md
	@$(BIN)/python -m tests.certification.cases
	@$(BIN)/python -m tests.demands
	@$(BIN)/python -m tests.promises

.PHONY: contract
contract: $(DEV_READY)  ## write the AsyncAPI document and the JSON Schemas of the MQTT uplink
	@$(BIN)/python -m chargemon_edge.upstream.contract

.PHONY: events
events: $(DEV_READY)  ## write the table of journal entries into docs/operating.md
	@$(BIN)/python -m tests.unit.journal_events

.PHONY: clean
clean:  ## remove whatever the other targets made
	rm -rf .venv .venv-3.13 build dist *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@PYTHON='$(PYTHON)' .ci/venv $(VENV)

$(RUN_READY): requirements/run.txt | $(BIN)/python
	@echo "Installing what the daemon needs (requirements/run.txt)"
	@$(BIN)/python -m $(PIP_INSTALL) -r requirements/run.txt
	@touch $@

$(DEV_READY): requirements/dev.txt | $(BIN)/python
	@echo "Installing what the workshop needs (requirements/dev.txt)"
	@$(BIN)/python -m $(PIP_INSTALL) -r requirements/dev.txt
	@touch $@ $(RUN_READY)
