# `make fit` and `make test` work on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
FITS := .venv/.fits
READY := .venv/.ready
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
NAMES := { grep -oE --line-buffered '^ *(Collecting [^ ]+|Installing (build|backend|collected) [a-z]+|Successfully)' || true; }
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

.PHONY: fit test test-all test-lowest lint fuzz docs dist numbers clean

fit: $(FITS)
	$(BIN)/nuinfer fit hese7 --out chains/hese7 --resume

# Each worker begins with its own half: what both would compile or prepare at the same time is made once.
TESTS := $(BIN)/pytest -n 2 --dist worksteal

test: $(READY)
	$(TESTS) -m "not slow"

test-all: $(READY)
	$(TESTS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Against the oldest versions that pyproject.toml admits, in an environment of its own: a fit and what surrounds it.
LOWEST := .venv-lowest/bin
LOWEST_TESTS ?= tests/physics/test_physics.py tests/physics/test_mediator.py tests/test_likelihood.py tests/test_parameters.py tests/plotting/test_figure_kinds.py
test-lowest:
	test -x $(LOWEST)/python || $(PYTHON) -m venv .venv-lowest
	$(LOWEST)/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/uv pip install --quiet --python $(LOWEST)/python --resolution lowest-direct -e .
	$(LOWEST)/uv pip install --quiet --python $(LOWEST)/python pytest pytest-timeout pytest-xdist hypothesis mpmath
	rm -rf chains/lowest && $(LOWEST)/nuinfer fit hese7 --out chains/lowest
	$(LOWEST)/pytest -W ignore::DeprecationWarning -W ignore::FutureWarning -m "not slow" -k "not as_they_were" $(LOWEST_TESTS)

# N attempts with bad input, full disks and kills, or N of each of KINDS='configs datasets folders disks kills';
# one is made again by its number: .venv/bin/python tests/fuzz configs --only 123
N ?= 1000
fuzz: $(READY)
	$(BIN)/python tests/fuzz $(KINDS) -n $(N)

# What a fit needs, and over it what tests and checks need; pip says what it does, a line for each package.
$(FITS): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nuinfer needs Python 3.11 or newer")'
	@echo "an environment in .venv, and what a fit needs: some 600 MB on disk"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -e . | $(NAMES)
	@touch $@

$(READY): $(FITS)
	@echo "what tests and checks need, into .venv"
	@$(PIP) -e ".[dev]" | $(NAMES)
	@touch $@

# The site, into docs/_build/html; tutorials are run (and kept until they change), a warning is an error.
docs: $(READY)
	@$(PIP) -e ".[docs]" | $(NAMES)
	$(BIN)/sphinx-build -W --keep-going -j 2 -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Wheel and source distribution, and whether a stranger can install and run them.
dist: $(READY)
	@$(PIP) build twine | $(NAMES)
	rm -rf dist && $(BIN)/python -m build --outdir dist . >/dev/null
	$(BIN)/twine check --strict dist/*

# Every number that README and docs quote, hours; SECTIONS='paper constraints' makes those again.
numbers: $(READY)
	$(BIN)/python docs/make/make_numbers.py $(SECTIONS)

clean:
	rm -rf .venv .venv-lowest build dist docs/_build docs/api
