# Every target works on a fresh machine with Python 3.11 or later and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: search test lint soak bench clean

search: $(READY)  ## run a real study and print its Pareto front
	$(BIN)/neuronas search studies/digits.yaml

test: lint  ## lint, types, import rules, tests
	$(BIN)/neuronas compare > /dev/null  # compiles it anew if it changed, once for all tests
	$(BIN)/pytest -n auto -rs --durations=30

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

soak: $(READY)  ## long faults
	$(BIN)/pytest -m soak -rs

bench: $(READY)  ## timings against a baseline
	$(BIN)/neuronas bench cim
	$(BIN)/neuronas bench lif
	$(BIN)/neuronas bench training

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# torch first and by itself: any other way may pull gigabytes of CUDA packages.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "neuronas needs Python 3.11 or later; name one with: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/neuronas compare > /dev/null  # compiles the hardware model
	touch $(READY)
