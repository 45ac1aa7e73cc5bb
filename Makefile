# htcgrid: everything a contributor runs, and the same commands that CI runs.
#
# `make demo` and `make test` need Python 3.11 or later, and install the rest into .venv from the pinned and hashed
# files in requirements/. Nothing is installed again until one of those files changes.
# Another interpreter: make PYTHON=python3.12 …

PYTHON ?= $(shell for python in python3.11 python3; do $$python -c '' 2>/dev/null && echo $$python && break; done)

BIN := .venv/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
# Folders that `htcgrid run` runs; the template for a provider is a distribution of its own, with its code in a package.
EXAMPLES = $(sort $(dir $(wildcard examples/*/client.py)))
TEMPLATE := examples/provider-template

# Copying works on every file system, and silences uv's warning where linking does not.
export UV_LINK_MODE ?= copy
export UV_PYTHON_DOWNLOADS ?= never
# Of mkdocs-material's own: how long it is kept up. It is pinned, and nobody reads it in a log.
export NO_MKDOCS_2_WARNING := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SILENT:

# --- for users -------------------------------------------------------------------------------------------------------

.PHONY: help
help: ## List the targets
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

# PROVIDER=redis: on a grid on Redis, whose server is started here unless HTCGRID_REDIS names one.
PROVIDER ?= local
.PHONY: demo
ifeq ($(PROVIDER),local)
demo: .venv/demo.stamp ## Price a portfolio on a grid of your own cores
	$(BIN)/htcgrid demo
else
demo: .venv/demo.stamp
	PYTHONPATH=. $(BIN)/python providers/$(PROVIDER)/demo.py
endif

.PHONY: bench
bench: .venv/dev.stamp services ## Compare with the three fastest peers, and measure grids on this machine
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks --grid redis --grid "redis, durable" --only rates --only trips --only idle --only steps

.PHONY: bench-all
bench-all: .venv/dev.stamp services ## Compare with all peers, and measure also what takes long
	$(BIN)/python -m benchmarks.compare --all
	$(BIN)/python -m benchmarks --long

# BASE: the commit whose speed the tree as it is now is held against. PAIRS: of measurements, of which the median counts.
BASE ?= HEAD
PAIRS ?= 11
.PHONY: ab
ab: .venv/dev.stamp ## Compare the speed of this tree with that of BASE
	$(BIN)/python -m benchmarks.ab --base '$(BASE)' --pairs '$(PAIRS)'

# --- for contributors ------------------------------------------------------------------------------------------------

.PHONY: test
test: lint types imports docs unit ## Check everything, as CI does

.PHONY: lint
lint: .venv/dev.stamp ## Check style and formatting
	echo "== ruff"
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet

.PHONY: types
types: .venv/dev.stamp ## Check types
	echo "== mypy"
	$(BIN)/mypy --no-error-summary htcgrid agent/htcgrid_agent providers tests docs/website $(wildcard benchmarks)
	for example in $(EXAMPLES); do \
	    MYPYPATH="$$example" $(BIN)/mypy --no-error-summary --cache-dir ".mypy_cache/$$example" "$$example" || exit 1; \
	done
	MYPYPATH="$(TEMPLATE)" $(BIN)/mypy --no-error-summary --cache-dir ".mypy_cache/$(TEMPLATE)" \
	    $(TEMPLATE)/htcgrid_folder $(TEMPLATE)/tests

.PHONY: imports
imports: .venv/dev.stamp ## Check who imports whom
	echo "== import-linter"
	report=$$($(BIN)/lint-imports --no-logo 2>&1) || { printf '%s\n' "$$report"; exit 1; }

.PHONY: docs
docs: .venv/dev.stamp ## Build the documentation into build/site
	echo "== mkdocs"
	# Not --quiet: with it, mkdocs counts no warnings, and strict means nothing.
	report=$$($(BIN)/mkdocs build --strict 2>&1) || { printf '%s\n' "$$report"; exit 1; }

# Services that tests need, from Debian's packages when they are missing and this may install them; they are not started
# by that. Else the tests that need them are skipped, and in CI fail.
.PHONY: services
services:
	if ! command -v redis-server >/dev/null && ! command -v valkey-server >/dev/null && test -z "$$HTCGRID_TEST_REDIS" \
	    && test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	    echo "== installing redis-server"; \
	    { apt-get update --quiet --quiet && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	        apt-get install --quiet --quiet --yes --no-install-recommends redis-server; } >/dev/null; \
	fi

# How many tests run at once: more than two cores can, for many wait for processes. JOBS=0: one after the other.
JOBS ?= 4
.PHONY: unit
unit: .venv/dev.stamp services ## Run the tests
	echo "== pytest"
	# Each test by itself to whoever is free.
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadgroup

# The versions of Python beside that of .venv; each has its environment under build/. PART: what is run, all by default,
# or `quick`: all but what needs services, kills processes or measures, which says little about a version of Python.
VERSIONS ?= 3.12 3.13
PART ?= all
QUICK = --ignore=tests/processes --ignore=tests/benchmarks --ignore=tests/drill --ignore=tests/simulation \
    --ignore=tests/model/test_protocol.py --ignore=tests/cli --ignore=tests/docs --ignore=tests/examples --ignore=providers
.PHONY: test-python
test-python: services ## Run the tests on the other versions of Python (PART=quick: those of the core)
	for version in $(VERSIONS); do \
	    $(MAKE) --no-print-directory build/python$$version/dev.stamp && \
	    echo "== pytest on Python $$version" && \
	    build/python$$version/bin/python -m pytest --numprocesses $(JOBS) --dist loadgroup \
	        $(if $(filter quick,$(PART)),$(QUICK)) || exit 1; \
	done

# Beside the loops of one round, no other round: what is measured is a machine that is busy with something else.
TIMES ?= 3
LOOPS ?= 4
.PHONY: busy
busy: .venv/dev.stamp ## Run `make test` TIMES times beside LOOPS busy loops per core, for some hours
	$(BIN)/python -m tests.busy --times $(TIMES) --loops $(LOOPS)

# One seed, with all that happens: .venv/bin/python -m tests.simulation --seed 7
SEEDS ?= 10000
.PHONY: simulate
simulate: .venv/dev.stamp ## Simulate SEEDS grids whose stores, processes and clocks fail
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

.PHONY: model
model: .venv/dev.stamp ## Explore the protocol further than its tests do, for some minutes
	echo "== model"
	$(BIN)/python -m tests.model.protocol

INPUTS ?= 1000000
.PHONY: fuzz
fuzz: .venv/dev.stamp ## Try each decoder with INPUTS inputs that are nearly right
	echo "== fuzz"
	$(BIN)/python -m tests.model.fuzz --inputs $(INPUTS)

.PHONY: nightly
nightly: model simulate fuzz stress test-python ## Check what takes too long for every change

.PHONY: stress
stress: .venv/dev.stamp ## Kill, overload and drill grids of real processes
	echo "== drill"
	$(BIN)/htcgrid drill --tasks 100000 --minutes 5
	echo "== poison"
	$(BIN)/python -m tests.processes.poison
	echo "== repeats"
	$(BIN)/python -m tests.processes.repeats
	echo "== overload"
	$(BIN)/python -m tests.processes.overload
	echo "== ruin"
	$(BIN)/python -m tests.processes.ruin --rounds 500

.PHONY: format
format: .venv/dev.stamp ## Format the code and repair what can be repaired
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: reference
reference: .venv/dev.stamp ## Write the pages that are made of commands, docstrings and values
	$(BIN)/python -m tests.docs.command_line
	$(BIN)/python -m tests.docs.interfaces
	$(BIN)/python -m tests.docs.what_travels

.PHONY: wheel
wheel: .venv/dev.stamp ## Build the wheel into build/dist
	$(UV) build --quiet --python $(BIN)/python --no-build-isolation --wheel --out-dir build/dist

.PHONY: clean
clean: ## Remove everything that make made, .venv too
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# --- the lock --------------------------------------------------------------------------------------------------------

# UPGRADE=1 moves every pin to the newest version; otherwise pins move only where pyproject.toml makes them.
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
    --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: .venv/uv.stamp ## Pin the dependencies again (UPGRADE=1: to their newest versions)
	$(COMPILE) --group bootstrap --output-file requirements/uv.txt
	$(COMPILE) pyproject.toml --extra demo --extra redis --group build --output-file requirements/demo.txt
	$(COMPILE) pyproject.toml --extra demo --extra redis --group dev --constraint requirements/demo.txt --output-file requirements/dev.txt
	for needed in benchmarks/peers/*/requirements.in benchmarks/plot/requirements.in; do \
	    $(COMPILE) "$$needed" --output-file "$${needed%.in}.txt" || exit 1; \
	done

# --- .venv -----------------------------------------------------------------------------------------------------------

.venv/uv.stamp: requirements/uv.txt
	test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "htcgrid needs Python 3.11 or later: install it, or name one with make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	echo "== setting up .venv"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt
	touch $@

.venv/demo.stamp: .venv/uv.stamp requirements/demo.txt pyproject.toml
	$(INSTALL) --require-hashes --requirement requirements/demo.txt
	$(INSTALL) --no-build-isolation --no-deps --editable .
	touch $@

# An interpreter of this machine, pyenv's, or the one that uv installs under build/.
build/python%/dev.stamp: .venv/dev.stamp requirements/uv.txt requirements/demo.txt requirements/dev.txt pyproject.toml
	python=$$(for python in python$* $(HOME)/.pyenv/versions/$*.*/bin/python; do \
	    "$$python" -c '' 2>/dev/null && echo "$$python" && break; done); \
	if test -z "$$python"; then \
	    UV_PYTHON_DOWNLOADS=manual $(UV) python install --quiet --install-dir build/interpreters $* && \
	    python=$$(ls build/interpreters/*-$*.*/bin/python$* | tail -n 1); \
	fi; \
	test -n "$$python" || { echo "there is no Python $* here, and uv cannot install it" >&2; exit 1; }; \
	echo "== setting up build/python$*"; \
	"$$python" -m venv --clear build/python$*
	$(UV) pip install --quiet --python build/python$*/bin/python --require-hashes --requirement requirements/uv.txt
	$(UV) pip install --quiet --python build/python$*/bin/python --require-hashes --requirement requirements/demo.txt
	$(UV) pip install --quiet --python build/python$*/bin/python --no-build-isolation --no-deps --editable .
	$(UV) pip install --quiet --python build/python$*/bin/python --require-hashes --requirement requirements/dev.txt
	touch $@

# The development set holds the demo's, at the same versions.
.venv/dev.stamp: .venv/demo.stamp requirements/dev.txt
	$(INSTALL) --require-hashes --requirement requirements/dev.txt
	touch $@
