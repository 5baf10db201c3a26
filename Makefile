# What to do with this checkout; `make` alone prints this list.
# Needs GNU make and a Python of 3.11 or newer: everything else is installed into .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Apart from the other tools: it registers itself with pytest, and would be loaded by every run of the tests.
FUZZ   := $(VENV)/fuzz
# Handed to pytest as they stand: make test ARGS='tests/unit -k canonical'
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help rehearse test lint format bench bench-database soak clean
# A recipe that fails leaves no half-made target behind.
.DELETE_ON_ERROR:

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

rehearse: $(READY) ## Play the cutover of examples/orders on a local server, to a green checklist and its HTML report
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/orders/rehearse.sh
	@$(BIN)/dwctl rehearse
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/orders/gate.sh

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest -n 2 -m "not soak" $(ARGS)

lint: $(READY) ## Check style and types: ruff, mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Let ruff sort imports and lay out the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure speed, memory and start-up against their targets; fails when one is missed
	$(BIN)/python -m tests.bench $(ARGS)

bench-database: $(READY) ## Measure on MariaDB and PostgreSQL with 1,000,000 runs (DWCTL_BENCH_RUNS for fewer)
	$(BIN)/python -m tests.bench_database $(ARGS)

soak: $(READY) ## Run the long campaigns (DWCTL_SOAK_SECONDS each, 60 by default)
	@if test -d "$${DWCTL_REFERENCE_DATA:-../shared}/specs" && ! test -x $(FUZZ)/bin/schemathesis; then \
	  echo "Installing schemathesis into $(FUZZ), for the official OpenAPI files ..."; \
	  { $(BIN)/python -m venv --clear $(FUZZ) \
	    && $(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check 'schemathesis>=4,<5'; } \
	  || echo "schemathesis was not installed: the fuzzing of the OpenAPI files is skipped" >&2; \
	fi
	PATH="$(CURDIR)/$(FUZZ)/bin:$$PATH" $(BIN)/python -m pytest -m soak -rs $(ARGS)

clean: ## Remove everything that make and the tools have made, .venv included
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .rehearsal
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

# Made again when pyproject.toml changes, and from nothing when .venv is absent, has lost its pip, or is too old.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "dwctl needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 || true)" >&2; \
	  echo "  next: name another one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	@$(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo "'$(PYTHON) -m venv' did not make $(VENV): on Debian and Ubuntu it needs the package python3-venv" >&2; \
	  exit 1; }
	@echo "Installing dwctl and its tools into $(VENV) (only when pyproject.toml has changed) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
