# demo: what regframe does, on the sample registry.   test: everything the tests need, and the tests.
# lab: JupyterLab on the notebooks, with the sample registry running.
# All work from a new clone; nothing but Python 3.11 or later has to be there.

.PHONY: demo test lab notebooks clean

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

demo: $(VENV)/.run
	$(BIN)/regframe demo --output regframe-demo

test: $(VENV)/.dev parts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lab: $(VENV)/.lab
	$(BIN)/regframe demo --serve --tls --auth -- $(BIN)/jupyter lab $(LAB_ARGS) notebooks

# Runs the notebooks from top to bottom and saves what came out; look at the difference before you commit it.
notebooks: $(VENV)/.dev
	$(BIN)/python -m tests.notebooks.run

# The real parts (docker-registry, skopeo, …): as root on Debian and Ubuntu; elsewhere their tests skip and name them.
.PHONY: parts
parts:
	@sh .ci/install-parts

$(VENV)/.run: pyproject.toml
	sh .ci/make-environment $(VENV) $(PYTHON) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml
	sh .ci/make-environment $(VENV) $(PYTHON) -e '.[dask,parquet]' --group dev
	@touch $@ $(VENV)/.run

$(VENV)/.lab: pyproject.toml
	sh .ci/make-environment $(VENV) $(PYTHON) -e '.[lab]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) regframe-demo build dist .pytest_cache .mypy_cache .ruff_cache
