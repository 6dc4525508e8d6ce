# Each target does all of its own set-up, in a virtual environment; a second call does not install again.
#
#   make demo    train every recipe on real digits and write narrows-demo/report.html
#   make test    run the tests
#   make lint    check style and the direction of imports
#   make bench   measure the figures of docs/results.md (ONLY="vanilla deep" for some of them)
#   make clean   remove the virtual environment and what the tools left
#
# PYTHON is the interpreter that the environment is made with. CONSTRAINTS is a file of pinned versions;
# CONSTRAINTS= (empty) takes the newest that pyproject.toml allows.

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

.PHONY: demo test lint bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/core.stamp
	$(BIN)/narrows demo

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

bench: $(VENV)/bench.stamp
	$(BIN)/python benchmarks/foundation.py $(ONLY)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/core.stamp: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo "Installing narrows and what it needs into $(VENV) (once; some minutes when torch is to be fetched) ..."
	@$(PIP) --editable .
	@touch $@

# The extras stand on the core, so that they never bring a second copy of it.
$(VENV)/test.stamp $(VENV)/lint.stamp $(VENV)/bench.stamp: $(VENV)/%.stamp: $(VENV)/core.stamp
	@echo "Installing what '$*' needs into $(VENV) (once) ..."
	@$(PIP) --editable '.[$*]'
	@touch $@

$(BIN)/python:
	@echo "Making a virtual environment in $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "narrows needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
