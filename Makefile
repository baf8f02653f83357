PYTHON ?= python3
BIN = .venv/bin

.PHONY: install test unit bench lock

install: .venv/installed

.venv/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest

unit: install
	$(BIN)/pytest tests/domain tests/store tests/loop tests/mail tests/web tests/publish tests/test_config.py tests/test_keys.py

bench: install
	$(BIN)/python -m bench

lock:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --extra dev --output-file requirements.lock pyproject.toml
