PYTHON ?= python3
NOTEBOOK ?= $(wildcard notebooks/*.ipynb)
BIN := .venv/bin
READY := .venv/.installed
PAGES := _build/html

# Folders stand in this list beside the files: a folder's time changes when a page is taken away.
# ("/." keeps them apart from the targets of the same names.)
SOURCES := _config.yml _toc.yml $(shell find book/. notebooks/. resnet_edu/. \
	\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -o -print)

# Both workers take whole notebooks, so that a notebook keeps one kernel.
# With one thread each: with two, kernels side by side wait for each other (see the chapter Faster),
# and it takes more than twice as long.
NBVAL := $(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout 300 \
	-n 2 --dist loadscope notebooks

.DEFAULT_GOAL := help
.PHONY: help book test prove notebooks times bench address format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(PAGES)/.built  ## build the pages and print where they are
	@echo "The book is at $(CURDIR)/$(PAGES)/index.html"

test: $(READY)  ## check the form of the code, run all tests, compare every notebook with its stored outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests
	OMP_NUM_THREADS=1 $(NBVAL)

prove: $(READY)  ## show that stored numbers hold on other CPUs and thread counts (four runs of the notebooks)
	ATEN_CPU_CAPABILITY=default $(NBVAL)
	ONEDNN_MAX_CPU_ISA=AVX2 $(NBVAL)
	OMP_NUM_THREADS=1 $(NBVAL)
	OMP_NUM_THREADS=2 $(NBVAL)

notebooks: $(READY)  ## run the notebooks and store their outputs; one alone: NOTEBOOK=notebooks/NAME.ipynb
	$(BIN)/python tools/run_notebooks.py $(NOTEBOOK)

times: $(READY)  ## measure how long each chapter takes, on a quiet machine, and write the appendices
	$(BIN)/python tools/run_notebooks.py --times $(wildcard notebooks/*.ipynb)
	$(BIN)/python tools/overview.py

bench: $(READY)  ## run every measurement in benchmarks/
	@set -e; for script in benchmarks/*.py; do echo "$$script"; $(BIN)/python "$$script"; done

address: $(READY)  ## set the repository's address everywhere: URL=https://github.com/OWNER/NAME (empty: take it away)
	$(BIN)/python tools/set_address.py "$(URL)"

format: $(READY)  ## bring the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the pages and the environment
	rm -rf _build .venv .pytest_cache .ruff_cache *.egg-info

# Always from an empty folder: a page that was renamed or taken away must not live on.
$(PAGES)/.built: $(READY) $(SOURCES)
	rm -rf _build
	$(BIN)/jupyter-book build -n -W --keep-going .
	@touch $@

$(READY): pyproject.toml .venv/.requirements
	$(BIN)/python -m pip install --no-deps -e .
	@touch $@

.venv/.requirements: requirements.txt constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -r requirements.txt -c constraints.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "This needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu, install python3-venv."; exit 1; }
