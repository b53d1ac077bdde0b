PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin

CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: run test test-failed test-browser check bench reset help

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/.stamp: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Paygraph needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

run: .venv/.stamp ## Start everything: API, worker and sandbox PSP, on SQLite and an embedded Redis
	@$(BIN)/python main.py run

test: .venv/.stamp ## Run the tests (TEST_DATABASE_URL and TEST_REDIS_URL choose PostgreSQL and Redis)
	$(BIN)/pytest -n 2

.venv/.browser: requirements-browser.txt .venv/.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-browser.txt
	@touch $@

test-failed: .venv/.stamp ## Run the tests that failed last, once more and one after the other
	$(BIN)/pytest --last-failed --last-failed-no-failures=none

test-browser: .venv/.browser ## Try the pages in a real browser (a chromium; CHROMIUM names another one)
	@test -n "$(CHROMIUM)" || { echo "There is no chromium here: install one, or name it: make test-browser CHROMIUM=..."; exit 2; }
	TEST_BROWSER="$(CHROMIUM)" $(BIN)/pytest tests/browser

check: .venv/.stamp ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.stamp ## Measure in ratios, on PostgreSQL
	$(BIN)/python -m bench

reset: ## Forget everything the embedded instance remembers
	rm -rf var
