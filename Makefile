PYTHON ?= python3
BIN = .venv/bin
PORT ?= 8000

CATALOGUES = $(wildcard feedback/translations/*/LC_MESSAGES/feedback.po)

.PHONY: install demo test unit torture bench pictures lock catalogues corpus

install: .venv/installed $(CATALOGUES:.po=.mo)
	@echo "Installed in .venv; use it with: . .venv/bin/activate"

.venv/installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Installing into .venv; this takes about half a minute, once."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

%.mo: %.po | .venv/installed
	@$(BIN)/pybabel -q compile --input-file $< --output-file $@

catalogues: .venv/installed
	$(BIN)/pybabel -q extract -F pyproject.toml --no-default-keywords -k _ -k ngettext:1,2 -k marked -k plural:1,2 \
	  --no-location --omit-header --width 120 --output-file var/feedback.pot feedback
	$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete --width 120 --domain feedback \
	  --input-file var/feedback.pot --output-dir feedback/translations

demo: install
	@$(BIN)/feedback demo --port $(PORT)

test: install corpus
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

unit: install
	$(BIN)/pytest --numprocesses auto tests/domain tests/store tests/loop tests/mail tests/web tests/publish tests/test_config.py tests/test_keys.py

torture: install corpus
	-@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[outcomes]' # else two drills are skipped
	TORTURE=1 $(BIN)/pytest -m torture

bench: .venv/installed .venv-rivals/installed
	$(BIN)/python -m bench

.venv-rivals/installed: bench/rivals.txt
	@$(PYTHON) -m venv --clear .venv-rivals
	@.venv-rivals/bin/pip install --quiet --disable-pip-version-check --requirement bench/rivals.txt
	@touch $@

# Bounces of many mail servers, as flufl.bounce tests itself with them. Without them that one test is skipped.
corpus: .corpus/flufl_bounce-6.0.0.tar.gz

.corpus/flufl_bounce-6.0.0.tar.gz: tests/corpus.txt | .venv/installed
	-@$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --no-build-isolation \
	  --require-hashes --requirement $< --dest .corpus

pictures: install
	$(BIN)/python docs/pictures.py

lock:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --extra dev --output-file requirements.lock pyproject.toml
