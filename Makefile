# make demo    the road walked once on this machine, no network: look at the report it leaves
# make test    everything, slow tests included (NO_SKIPS=1: a test skipped for want of something fails the run)
# make fast    what to run while working: under a minute
# make check   ruff, formatting, types, the pages of docs/
#
# Needs python 3.11 or newer with venv, and make. PYTHON=… chooses another python, ARGS=… goes to pytest.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
SKIPS := $(if $(NO_SKIPS),-p no_skips)
PYTEST := PYTHONPATH=scripts $(BIN)/python -m pytest $(SKIPS)

.PHONY: help demo test fast check format clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# The old environment goes first: a half-made one, or one of another python, is never built upon.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pixmo needs Python 3.11 or newer; say which: make PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || { echo "no venv module: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/pixmo demo
	@echo "Open the report.html of the folder named above in a browser; its data/ loads with datasets.load_dataset."

test: $(STAMP)
	$(PYTEST) -n $(WORKERS) $(ARGS)

fast: $(STAMP)
	$(PYTEST) -n $(WORKERS) -m 'not slow and not gpu' $(ARGS)

check: $(STAMP)
	$(BIN)/python scripts/check

format: $(STAMP)
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
