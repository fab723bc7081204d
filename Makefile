# What people do with this project; `make help` lists it. Works from a fresh clone with Python and make alone.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
ROUNDS ?= 1
JOBS ?= $(shell jobs=$$(($$(nproc 2> /dev/null || echo 2) + 1)); echo $$((jobs < 4 ? jobs : 4)))
IMAGE ?= mirror:latest

VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --no-input install --quiet
PYTEST := $(VENV)/bin/python -m pytest
# The tests of one file share what is costly to make, so a file goes to one process, and the files in their order: those
# that take longest are not the last. One process more than there are processors, for much of a test is waiting; with many
# more the disk, which they wait for, would have them wait too long. JOBS=0 runs all in this one.
SPREAD := --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
# What fails is tried once more, and is named at the end: a fault fails twice, a machine that stood still for a second does not.
AGAIN := --reruns 1 --reruns-delay 1 -rR
SOURCES := mirror tests bench
# Container daemons and mounts are for root alone.
ROOTED := tests/clients $(addprefix tests/faults/,test_directory_gone.py test_disk_start.py test_mounts.py)

# The stamps bear the version of Python: asking for another one makes the environment anew.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null)
RUNTIME := $(VENV)/runtime-$(VERSION).stamp
TEST := $(VENV)/test-$(VERSION).stamp
MUTMUT := $(VENV)/mutmut-$(VERSION)
# An environment whose Python has gone since, with an upgrade of the system, is made anew as well.
GONE := $(shell $(VENV)/bin/python -c '' 2> /dev/null || echo FORCE)

.PHONY: serve test lint types bench soak mutants image help packages FORCE

serve: $(RUNTIME) ## Run the mirror on 127.0.0.1:5000 (ARGS="--config mirror.yml" for more)
	@exec $(VENV)/bin/python -m mirror serve $(ARGS)

test: packages lint types ## Check everything: style, types, and all tests with real clients (ARGS="-k tags" for some, JOBS=0 in a row)
	@if [[ $$(id -u) == 0 ]]; then \
	  $(PYTEST) $(SPREAD) $(AGAIN) $(ARGS); \
	else \
	  $(PYTEST) $(SPREAD) $(AGAIN) $(ROOTED:%=--ignore=%) $(ARGS); \
	  command -v sudo > /dev/null || { echo 'The rest needs root, and there is no sudo here: $(ROOTED)' >&2; exit 1; }; \
	  echo 'Under sudo, for container daemons and mounts are for root: $(ROOTED)'; \
	  sudo env PYTHONDONTWRITEBYTECODE=1 $(PYTEST) $(SPREAD) $(AGAIN) -p no:cacheprovider $(ROOTED) $(ARGS); \
	fi

lint: $(TEST) ## Check how the code is written
	@$(VENV)/bin/ruff check --quiet $(SOURCES)
	@$(VENV)/bin/ruff format --quiet --check $(SOURCES)

types: $(TEST) ## Check the types, strictly
	@$(VENV)/bin/python -m mypy --no-error-summary

bench: packages $(TEST) ## Measure speed beside nginx, distribution and drayage, on this machine (ARGS="--rounds 1")
	@bench/install $(VENV)
	@$(VENV)/bin/python -m bench.run $(ARGS)

# What is counted runs side by side, the longest first; what is timed, and what wants the daemons, alone and in a row.
# A selection that leaves one of the two without tests is no fault (5). Each test's files go when it is over, and lie in a
# place of their own: another run of pytest would take one without what is kept for one that is over, and remove it.
LONG := $(PYTEST) -q --timeout=3600 -o tmp_path_retention_policy=none

soak: packages $(TEST) ## Run the long tests, for hours: faults, random input, load, real clients; then a table of figures (ROUNDS=1)
	@place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; status=0; \
	export MIRROR_SOAK=1 MIRROR_FIGURES="$$place/figures"; \
	for round in $$(seq $(ROUNDS)); do \
	  echo "round $$round of $(ROUNDS)"; \
	  $(LONG) --basetemp="$$place/tests" --hypothesis-seed=$$RANDOM $(SPREAD) tests/fuzz tests/faults $(ARGS) || [[ $$? == 5 ]] || status=1; \
	  $(LONG) --basetemp="$$place/tests" --hypothesis-seed=$$RANDOM tests/integration tests/clients $(ARGS) || [[ $$? == 5 ]] || status=1; \
	done; \
	$(VENV)/bin/python -m tests.support.measured; \
	exit $$status

mutants: $(TEST) $(MUTMUT).stamp ## Count the mutants of the files that decide which their tests catch; takes hours (ARGS="store/blobs")
	@PYTHONPATH=$(MUTMUT) $(VENV)/bin/python -m tests.support.mutants $(ARGS)

$(MUTMUT).stamp: $(TEST) requirements-mutants.lock
	@$(PIP) --no-deps --require-hashes --target $(MUTMUT) --requirement requirements-mutants.lock
	@touch $@

image: ## Build the container image with docker, podman or buildah (IMAGE=mirror:latest)
	@if docker info > /dev/null 2>&1; then engine=docker; \
	elif command -v podman > /dev/null; then engine=podman; \
	elif command -v buildah > /dev/null; then engine=buildah; \
	else echo 'make image needs docker, podman or buildah.' >&2; exit 1; fi; \
	$$engine build --file deploy/Containerfile --tag $(IMAGE) $(ARGS) .

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

FORCE:

packages:
	@tests/install-packages

$(RUNTIME): requirements.lock requirements-build.lock pyproject.toml $(GONE)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null || { \
	  echo 'This needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $(or $(VERSION),not there). Say make PYTHON=/path/to/python3.' >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	  echo '$(PYTHON) cannot make virtual environments; on Debian, install python3-venv.' >&2; \
	  exit 1; }
	@echo 'Setting up $(VENV) with what this needs.' >&2
	@if [[ $$($(VENV)/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) != $(VERSION) ]]; then \
	  $(PYTHON) -m venv --clear $(VENV); \
	fi
	@$(PIP) --require-hashes --requirement requirements.lock --requirement requirements-build.lock
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(TEST): $(RUNTIME) requirements-dev.lock
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@
