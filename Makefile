# Everything a contributor or a curious reader types. GNU make 3.81 or later, so the make of macOS will do.
#   PYTHON       the Python to build .venv from (3.11 to 3.13); others are tried when it is out of range
#   TORCH_INDEX  where to take torch from; without a GPU, https://download.pytorch.org/whl/cpu is the small one
#   STUDY        make demo on your own study folder
#   BENCH        the name of one benchmark
#   RECORD       RECORD=1 keeps what the benchmarks measure in benchmarks/results.json and docs/, which git tracks
#   WORKERS      how many processes run the tests, and read damaged files
#   CASES        how many damaged files `make fuzz` makes for each reader; TARGET names one of them
#   N            how many times `make kills` kills

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

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## build .venv with the tested versions (the other targets call it)

# Older Pythons read this script too, only to be turned away, so it uses nothing that they lack.
IN_RANGE = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# The stamp is written last: whatever was broken off is begun again. torch alone comes from TORCH_INDEX; no other
# package is looked up there.
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

demo: $(STAMP) ## the main job from recordings to report; STUDY=path runs it on your own
	@$(BIN)/otolith demo $(if $(STUDY),--study "$(STUDY)")

test: $(STAMP) ## all tests; those on real recordings run when OTOLITH_DATA names them
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# It goes on where it was stopped; what failed is tried again. runs/fuzz holds how far it is, and each file that failed.
fuzz: $(STAMP) ## damaged files for every reader: CASES=2000 each; TARGET=name runs one
	@PYTHONPATH=tests $(BIN)/python -m fuzz --cases $(CASES) --workers $(WORKERS) --target "$(TARGET)"

# It goes on where it was stopped, and keeps the folder of what went wrong in runs/kills.
kills: $(STAMP) ## kill -9 at random moments, then the same command again: N=200 times
	@PYTHONPATH=tests $(BIN)/python -m kills --kills $(N) --target "$(TARGET)"

check: $(STAMP) ## lint, format and types, changing nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict src

format: $(STAMP) ## put imports and layout in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# What ours is measured against is installed only for measuring.
.venv/.rivals: $(STAMP)
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[bench]'
	@touch $@

bench: .venv/.rivals ## the benchmarks into runs/bench; BENCH=name runs one, RECORD=1 keeps it in the repository
	@$(BIN)/python benchmarks/run.py $(BENCH) $(if $(RECORD),--record)

docs: $(STAMP) ## the API reference from the docstrings, into build/reference
	@$(BIN)/python docs/reference.py

clean: ## remove .venv and all caches; recordings and results stay
	@rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
