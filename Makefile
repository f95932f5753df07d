# demo: what regframe does, on the sample registry.   test: everything the tests need, and the tests.
# Both work from a new clone; nothing but Python 3.11 or later has to be there.

.PHONY: demo test check lab clean

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
	$(BIN)/regframe demo --serve & trap "kill $$!" EXIT INT; $(BIN)/jupyter lab notebooks

# The real parts (docker-registry, skopeo, …): as root on Debian and Ubuntu; elsewhere their tests skip and name them.
.PHONY: parts
parts:
	@sh .ci/install-parts

$(VENV)/.run: pyproject.toml
	sh .ci/make-environment $(VENV) $(PYTHON) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml
	sh .ci/make-environment $(VENV) $(PYTHON) -e '.[parquet]' --group dev
	@touch $@ $(VENV)/.run

$(VENV)/.lab: pyproject.toml
	sh .ci/make-environment $(VENV) $(PYTHON) -e '.[lab]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) regframe-demo build dist .pytest_cache .mypy_cache .ruff_cache
