# Each target does all of its own set-up, in a virtual environment; a second call does not install again.
#
#   make demo    train every recipe on real digits and write narrows-demo/report.html
#   make test    run the tests
#   make lint    check style and the direction of imports
#   make results measure the figures of docs/results.md (ONLY="vanilla deep" for some of them)
#   make bench   measure speed beside other libraries, docs/benchmarks.md (ONLY="steps table" for some jobs,
#                REPEATS=9 for more rounds); in an environment of its own, .venv-bench, with those libraries
#   make clean   remove the virtual environments and what the tools left
#
# PYTHON is the interpreter that the environment is made with. CONSTRAINTS is a file of pinned versions;
# CONSTRAINTS= (empty) takes the newest that pyproject.toml allows.

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

BENCH := .venv-bench
REPEATS ?= 5

.PHONY: demo test lint results bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/core.stamp
	$(BIN)/narrows demo

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

results: $(VENV)/results.stamp
	$(BIN)/python benchmarks/foundation.py $(ONLY)

bench: $(BENCH)/peers.stamp
	$(BENCH)/bin/python -m benchmarks.speed $(ONLY) --repeats $(REPEATS)

clean:
	rm -rf $(VENV) $(BENCH) .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/core.stamp: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo "Installing narrows and what it needs into $(VENV) (once; some minutes when torch is to be fetched) ..."
	@$(PIP) --editable .
	@touch $@

# The extras stand on the core, so that they never bring a second copy of it.
$(VENV)/test.stamp $(VENV)/lint.stamp $(VENV)/results.stamp: $(VENV)/%.stamp: $(VENV)/core.stamp
	@echo "Installing what '$*' needs into $(VENV) (once) ..."
	@$(PIP) --editable '.[$*]'
	@touch $@

# torch first and alone, because some peers would bring another build of it; then they are held to it.
# pythae is installed without its dependencies, which benchmarks/requirements.txt lists.
PEERS := $(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --constraint benchmarks/requirements.txt

$(BENCH)/peers.stamp: pyproject.toml benchmarks/requirements.txt | $(BENCH)/bin/python
	@echo "Installing narrows and its peers into $(BENCH) (once; some minutes) ..."
	@$(PEERS) torch
	@$(PEERS) --requirement benchmarks/requirements.txt --editable .
	@$(PEERS) --no-deps pythae==0.1.2
	@touch $@

$(BIN)/python $(BENCH)/bin/python: %/bin/python:
	@echo "Making a virtual environment in $* with $$($(PYTHON) --version) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "narrows needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $*
