# The commands of contributors and readers. GNU make 3.81 or later, which macOS has.
#   PYTHON       the Python to build .venv from (3.11 to 3.13); others are tried when it is out of range
#   TORCH_INDEX  package index for torch; without a GPU, https://download.pytorch.org/whl/cpu has a small one
#   STUDY        make demo on your own study folder
#   BENCH        the name of one benchmark
#   RECORD       RECORD=1 writes the results of benchmarks to benchmarks/results.json and docs/, which git tracks
#   WORKERS      number of processes for tests and damaged files
#   CASES        damaged files per reader in `make fuzz`; TARGET selects one reader
#   N            number of kills in `make kills`

PYTHON ?= python3
TORCH_INDEX ?=
STUDY ?=
BENCH ?=
RECORD ?=
WORKERS ?= 2
CASES ?= 2000
TARGET ?=
N ?= 200

BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz kills check format bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## build .venv with the tested versions (the other targets call it)

# Older Pythons run this line too, to be refused, so it uses nothing that they lack.
IN_RANGE = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# The stamp is written last, so an interrupted installation starts again. Only torch comes from TORCH_INDEX.
$(STAMP): pyproject.toml constraints.txt
	@rm -f $@; \
	chosen=; \
	for python in "$(PYTHON)" python3.13 python3.12 python3.11; do \
	  if "$$python" -c "$(IN_RANGE)" >/dev/null 2>&1; then chosen=$$python; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  said=`"$(PYTHON)" --version 2>&1 || true`; \
	  echo "Otolith needs Python 3.11, 3.12 or 3.13; $(PYTHON) says: $$said. Type: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi; \
	if ! "$$chosen" -c "import ensurepip, venv" >/dev/null 2>&1; then \
	  echo "`basename "$$chosen"`-venv is missing: sudo apt-get install `basename "$$chosen"`-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Building .venv with `"$$chosen" --version` and the tested packages: once, a few minutes"; \
	"$$chosen" -m venv .venv
	@if [ -n "$(TORCH_INDEX)" ]; then \
	  $(BIN)/python -m pip install -q --no-deps -c constraints.txt --index-url "$(TORCH_INDEX)" torch; \
	fi
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## the whole job, from recordings to report; STUDY=path runs it on your study
	@$(BIN)/otolith demo $(if $(STUDY),--study "$(STUDY)")

test: $(STAMP) ## all tests; those on real recordings run if OTOLITH_DATA is set
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# It resumes, and tries failed cases again. runs/fuzz has the progress and each file that failed.
fuzz: $(STAMP) ## damaged files for every reader: CASES=2000 each; TARGET=name runs one
	@PYTHONPATH=tests $(BIN)/python -m fuzz --cases $(CASES) --workers $(WORKERS) --target "$(TARGET)"

# It resumes, and keeps the folders of failures in runs/kills.
kills: $(STAMP) ## kill -9 at random moments, then the same command again: N=200 times
	@PYTHONPATH=tests $(BIN)/python -m kills --kills $(N) --target "$(TARGET)"

check: $(STAMP) ## lint, format and types, without changes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict src

format: $(STAMP) ## sort imports, format code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Libraries that we compare with are installed only for benchmarks.
.venv/.rivals: $(STAMP)
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[bench]'
	@touch $@

bench: .venv/.rivals ## benchmarks into runs/bench; BENCH=name runs one, RECORD=1 records them
	@$(BIN)/python benchmarks/run.py $(BENCH) $(if $(RECORD),--record)

docs: $(STAMP) ## the API reference from the docstrings, into build/reference
	@$(BIN)/python docs/reference.py

clean: ## remove .venv and all caches; recordings and results stay
	@rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
