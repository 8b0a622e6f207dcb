# The commands of this project; every one makes its environment in .venv on first use.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
WORKERS ?= 2
SECONDS ?= 60

# The first Python of 3.11 or later; `make run PYTHON=/path/to/python` takes another one.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

.DEFAULT_GOAL := help
.PHONY: help run test check fuzz browser benchmark page-speed graph-speed map-speed sessions lock clean

help:
	@echo "make run        install what is missing and serve the app on http://127.0.0.1:$(PORT)  (PORT=8502 for another)"
	@echo "make test       check, then all tests, those in a real browser included  (WORKERS=$(WORKERS))"
	@echo "make check      format, lint, types, import rules"
	@echo "make fuzz       read damaged files of every format for a while  (SECONDS=120 for longer)"
	@echo "make benchmark  measure the speed of the models on this machine"
	@echo "make page-speed measure in a browser how fast the pages of the app are"
	@echo "make graph-speed measure in a browser how fast large graphs are drawn"
	@echo "make map-speed  measure how long it takes from 10,000 files to a map"
	@echo "make sessions   walk through the app in 20 browser sessions at once: errors, memory, times"
	@echo "make lock       write requirements.lock anew, with the newest versions that pyproject.toml allows"
	@echo "make clean      remove .venv and all caches; what lies in work/ stays"

run: $(VENV)/.installed
	@exec $(BIN)/ngcore app --port $(PORT)

test: check browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations 15

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python tests/fuzz.py --seconds $(SECONDS)

benchmark: $(VENV)/.installed
	$(BIN)/ngcore benchmark

page-speed: browser
	$(BIN)/python tests/page_speed.py

graph-speed: browser
	$(BIN)/python tests/graph_speed.py

map-speed: $(VENV)/.installed
	$(BIN)/python tests/map_speed.py

sessions: browser
	$(BIN)/python tests/sessions.py

# A browser for the tests: $NGCORE_BROWSER, an installed one, Debian's, or the one that playwright brings.
browser: $(VENV)/.installed-dev
	@if $(BIN)/python tests/find_browser.py; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "No Chromium found: installing Debian's."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else \
		echo "No Chromium found: fetching the one of playwright."; \
		$(BIN)/playwright install chromium; \
	fi

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or later is needed and none was found; try make PYTHON=/path/to/python." >&2; exit 1; fi
	@echo "Making $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv." >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the app and what it needs (some minutes the first time)."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .
	@touch $@

$(VENV)/.installed-dev: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the app, what it needs, and the tools of its tests (some minutes the first time)."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# What a fresh environment gets from pyproject.toml, without local version tags such as +cpu.
lock:
	@rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' 'torch==2.13.0'
	@{ echo "# Exact versions of everything that runs and tests this project; written by make lock."; \
		.venv-lock/bin/python -m pip freeze --all --exclude-editable --disable-pip-version-check \
		| grep -vE '^(pip|wheel|nvidia-|triton|cuda-)' | sed 's/+[a-z0-9.]*$$//'; } > requirements.lock
	@rm -rf .venv-lock

clean:
	rm -rf $(VENV) .venv-lock .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -not -path './work/*' -prune -exec rm -rf {} +
