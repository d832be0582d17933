# make demo    the road walked once on this machine, no network: look at the report it leaves
# make test    everything, slow tests included (NO_SKIPS=1: a test skipped for want of something fails the run)
# make fast    what to run while working: under a minute
# make harnesses   the tests of integrations/ in the real lmms-eval and inspect_ai, in environments of their own
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

.PHONY: help demo test harnesses fast check format clean

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

# Warnings of the harnesses' own code are theirs. lmms-eval asks for torchvision and much else that this task does not use: only what is imported is installed.
TESTING := pytest pytest-asyncio pytest-timeout pytest-randomly pytest-xdist hypothesis pyyaml
LMMS := lmms-eval==0.7.3
LMMS_NEEDS := accelerate evaluate httpx loguru pytablewriter python-dotenv pytz sacrebleu tabulate tenacity transformers wandb
harnesses:
	$(PYTHON) -m venv --clear .venv-lmms
	.venv-lmms/bin/python -m pip install --quiet torch==2.13.0 -e . $(TESTING) $(LMMS_NEEDS)
	.venv-lmms/bin/python -m pip install --quiet --no-deps $(LMMS)
	.venv-lmms/bin/python -m pytest -W default tests/integrations $(ARGS)
	$(PYTHON) -m venv --clear .venv-inspect
	.venv-inspect/bin/python -m pip install --quiet -e . $(TESTING) inspect_ai==0.3.285
	.venv-inspect/bin/python -m pytest -W default tests/integrations $(ARGS)

fast: $(STAMP)
	$(PYTEST) -n $(WORKERS) -m 'not slow and not gpu' $(ARGS)

check: $(STAMP)
	$(BIN)/python scripts/check

format: $(STAMP)
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
