# Cloud Assistant. `make help` lists the targets; each sets up what it needs by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Where it is set, each of the hundreds of processes that the tests start would compile all our modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Most tests wait most of the time: three for each of two processors.
WORKERS ?= 6
MINUTES ?= 10
SEED ?= $(shell date +%s)
WINDOWS := $(subst /,.,$(patsubst workers/%.py,%,$(wildcard workers/cloudassist_agent/*/windows*.py)))
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --upgrade --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-install test-windows check docs bench bench-peers soak packages lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(READY) ## make the environment in .venv from pinned, hashed versions

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $(READY)

demo: $(READY) ## start everything on this machine, run a script on three instances, show the results, stop
	@$(BIN)/python -m cloudassist.demo

up: $(READY) ## the same stack, left running with Flower; Ctrl-C stops it (LISTEN=HOST:PORT for other machines, too)
	@$(BIN)/python -m cloudassist.up $(if $(LISTEN),--listen $(LISTEN)) $(if $(INSTANCES),--instances $(INSTANCES))

test: $(READY) ## run the tests (those with wine: make test-windows; slow ones of the installer: make test-install)
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadgroup --no-loadscope-reorder --ignore=tests/windows \
		--ignore=tests/installing

test-install: $(READY) ## bring agents to machines over SSH and as packages, where root, sshd, dpkg and rpm are (minutes)
	$(BIN)/python -m pytest tests/installing -rs

test-windows: $(READY) ## run the Windows side's command lines and calls with wine, where that is installed
	$(BIN)/python -m pytest tests/windows -rs

check: $(READY) ## lint, format, types, layers, the site, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --exclude '^$$' -m cloudassist_agent.executor $(addprefix -m ,$(WINDOWS))
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory docs
	.ci/audit

docs: $(READY) ## build the site into build/site; a dead link, and whatever a page would fetch from elsewhere, is an error
	$(BIN)/sphinx-build -c docs --fresh-env --quiet --nitpicky --fail-on-warning --keep-going -d build/doctrees . build/site
	! grep -rE --include='*.html' '<(script|link|img|iframe)[^>]* (src|href)="(https?:)?//' build/site

packages: $(READY) ## build .deb and .rpm of the agent in dist, with the tools that are there (PACKAGES="--python 3.12")
	@$(BIN)/python -m packages $(PACKAGES)

soak: $(READY) ## kill whatever can die for MINUTES, then try a hundred thousand odd inputs (minutes)
	$(BIN)/python -m pytest tests/faults -s --minutes=$(MINUTES) --seed=$(SEED)
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile=soak --timeout=1800
	@$(BIN)/python -c "import atheris" 2>/dev/null || { echo "atheris is not installed: no coverage-guided run"; exit 0; }; \
	for surface in queue order enrolment "signed order" "signed key set" "signed warrant" reports frequency; do \
		PYTHONPATH=tests $(BIN)/python tests/fuzz/coverage_guided.py "$$surface" -max_total_time=30 -verbosity=0 || exit 1; \
	done

bench: $(READY) ## measure, as ratios in one run (QUICK=1 for a short one, RECORD=1 for docs/performance.md)
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(RECORD),--record) $(QUESTIONS)

bench-peers: $(READY) ## measure beside Salt, Ansible and parallel-ssh, in environments of their own (needs sshd)
	@test -x /usr/sbin/sshd || apt-get install --yes openssh-server
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(RECORD),--record) peers

lock: $(READY) ## pin the newest versions that pyproject.toml allows
	$(COMPILE) --extra dev --output-file requirements.lock
	$(COMPILE) --extra flower --extra build --constraint requirements.lock --output-file compose/requirements.lock

clean: ## remove everything that was made here
	rm -rf $(VENV) .run build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
