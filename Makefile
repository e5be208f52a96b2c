# Every target sets up what it needs; `make setup` does nothing when nothing changed.
.DEFAULT_GOAL := help
.PHONY: help setup streaming trainers check format test-ops test test-all test-cluster test-browser test-kills demo dev lock clean

BIN := .venv/bin
# Python keeps what it compiled, also where the environment says otherwise: each process of a test, and each worker of Ray
# and Spark, would compile some thousand modules anew.
export PYTHONDONTWRITEBYTECODE :=
# Two workers: Spark on one, Ray on the other, the rest where there is room (tests/support/spread.py). With CI=true
# hypothesis draws the same examples each time; without it every run explores others, and a
# quarter as many where the long tests are left out (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest -n 2
# The lake that `make dev` shows. `make demo` fills this one.
LAKE ?= demo/lake
# The assay.yaml that `make dev` runs under; empty for the shipped one.
CONFIG ?=
# The port of this machine that it listens on.
PORT ?= 3000

help: ## What there is to run
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## .venv from requirements.lock, and the Java that Spark needs
	@sh infra/setup.sh

streaming: setup ## .venv-streaming, which writes and reads MDS
	@sh infra/streaming.sh

trainers: setup ## .venv-NAME for each trainer whose own loader reads exports in tests
	@sh infra/trainers.sh

check: setup ## Lint, format, types, and the lock in step with pyproject.toml
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/basedpyright --warnings
	$(BIN)/python infra/lock.py --check

format: setup ## Formats the code and mends what ruff can mend
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

test-ops: setup ## The tests of what is measured and decided, without an engine: seconds
	$(PYTEST) tests/ops -m "not full" --ignore tests/ops/corpus

test: setup ## The tests, but for the long ones
	$(PYTEST) -m "not full and not cluster and not kills"

test-all: streaming trainers ## Every test, but for test-kills
	@sh infra/tools.sh
	$(PYTEST) -m "not cluster and not browser and not kills"
	$(MAKE) test-browser
	$(MAKE) test-cluster

test-browser: setup ## The UI and the review pages in a real browser; installs Chromium by apt-get where it may
	@sh infra/browser.sh
	.venv-browser/bin/python -m pytest tests/browser

test-kills: setup ## Whole runs, killed at eleven points and run again; half an hour
	$(BIN)/python -m pytest tests/pipelines/test_killed_runs.py

# One after the other: each starts several Rays or Sparks at once.
test-cluster: setup ## The tests on several machines, made of namespaces (as root)
	@sh infra/tools.sh
	@sh infra/environment.sh nodes cluster
	.venv-nodes/bin/python -m pytest tests/cluster

demo: setup ## The whole pipeline on real data with planted faults
	$(BIN)/assay demo

dev: setup ## The Dagster UI on the lake LAKE (a folder or an address) under CONFIG, on this machine only
	@home=$$($(BIN)/python -m pipelines.instance $(LAKE)) && \
	  ASSAY_LAKE=$(LAKE) $(if $(CONFIG),ASSAY_CONFIG=$(abspath $(CONFIG))) DAGSTER_HOME=$$home \
	  $(BIN)/python -m pipelines.ui dev --host 127.0.0.1 --port $(PORT) --workspace workspace.yaml

lock: setup ## Locks the dependencies anew; UPGRADE=--upgrade takes the newest versions
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python infra/lock.py $(UPGRADE)

clean: ## Removes .venv and caches; lakes stay
	rm -rf .venv .venv-* .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
