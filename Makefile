# Two commands for a fresh clone: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo
DEMO ?=
LOCK ?=
UV ?=
PIP := --quiet --disable-pip-version-check --no-compile  # Python compiles what it imports, when it first does

.PHONY: demo test setup lint docs sbom audit lock clean

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

sbom:  # a list of all pinned parts in CycloneDX's form
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install $(PIP) cyclonedx-bom
	$(VENV)/audit/bin/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml -o sbom.json

audit: sbom  # their known weaknesses; --strict: what cannot be asked fails
	$(VENV)/audit/bin/pip install $(PIP) pip-audit
	$(VENV)/audit/bin/pip-audit -r constraints.txt --no-deps --disable-pip --strict

lock:  # hashes of the pinned parts; torch has none: each kind of machine has a build of its own, from another index
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install $(PIP) uv
	(sed '/^[^#]/,$$d' .ci/requirements.lock; $(VENV)/audit/bin/uv pip compile --quiet $(UV) --generate-hashes \
		--no-annotate --no-header --python-version 3.11.7 --python-platform linux --no-emit-package torch \
		-c constraints.txt --extra dev pyproject.toml) > $(VENV)/lock
	mv $(VENV)/lock .ci/requirements.lock

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dsol needs Python 3.11 or newer; run: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(if $(LOCK),$(BIN)/pip install $(PIP) --require-hashes --no-deps -r $(LOCK))
	$(BIN)/pip install $(PIP) -c constraints.txt torch
	$(BIN)/pip install $(PIP) -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist src/*.egg-info
