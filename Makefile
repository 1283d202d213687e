# Two commands for a fresh clone: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo
DEMO ?=
PIP := --quiet --disable-pip-version-check --no-compile  # Python compiles what it imports, when it first does

.PHONY: demo test setup lint docs audit clean

demo: setup
	$(BIN)/dsol demo --out $(OUT) $(DEMO)

test: setup
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/pytest -n 2

lint: setup
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/pyright

docs: setup
	$(BIN)/mkdocs build --quiet
	@echo 'open build/site/index.html'

audit:  # a list of all pinned parts, sbom.json, and their known weaknesses; --strict: what cannot be asked fails
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install $(PIP) pip-audit cyclonedx-bom
	$(VENV)/audit/bin/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml -o sbom.json
	$(VENV)/audit/bin/pip-audit -r constraints.txt --no-deps --disable-pip --strict

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dsol needs Python 3.11 or newer; run: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP) -c constraints.txt torch
	$(BIN)/pip install $(PIP) -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist src/*.egg-info
