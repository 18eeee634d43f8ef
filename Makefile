# `make help` explains the targets. Everything is installed into .venv and nowhere else.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
BUILD_FILES := pyproject.toml hatch_build.py
STUBS := 1.28.0

.DEFAULT_GOAL := help
.PHONY: help demo test faults attacks lint soak fuzz bench sbom clean system-programs

help: ## show this text
	@echo "Vigil. Usage: make TARGET [ARGS='more arguments for its program'] [PYTHON=python3.12]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.demo ## install Vigil into .venv and start the demo: a simulated patient, the bridge, its page
	@$(BIN)/vigil demo $(ARGS)

test: $(VENV)/.dev system-programs ## install what tests need and run every tier that can run here
	@$(PYTEST) -n 3 --durations=25 $(ARGS)

faults: $(VENV)/.dev ## cut the power, flip bits, kill the bridge, and print what was lost: nothing may be
	@$(PYTEST) tests/faults -n 3 --dist worksteal -q $(ARGS)

attacks: $(VENV)/.dev ## try what strangers and others may, and print what was accepted: nothing may be
	@$(PYTEST) tests/attacks -n 2 --dist loadfile -q $(ARGS)

lint: $(VENV)/.dev .typings/esp32/.$(STUBS) .typings/rp2/.$(STUBS) ## check style and types, the board's files against each port
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --project tools/pyright-esp32.json
	$(BIN)/pyright --project tools/pyright-rp2.json

soak: $(VENV)/.dev ## run the whole line for half an hour, and every fault at length: nothing may be lost or stored twice
	@VIGIL_LONG=1 $(PYTEST) -m "soak or faults" -n 2 --dist worksteal --timeout=0 --durations=0 $(ARGS)

fuzz: $(VENV)/.dev ## search for inputs that break a property, 5,000 random ones for each, and attack a million times
	@VIGIL_LONG=1 $(PYTEST) -m "(hypothesis or attacks) and not soak" --timeout=0 --durations=15 $(ARGS)

# Accuracy first, which takes the longest; ARGS are its own. All run, and then it fails if a figure was not reached.
bench: $(VENV)/.bench ## measure accuracy beside other programs, the driver, what it and each part cost a device, replay, journal, ledger, plots
	@missed=; for name in accuracy alarms alarm_latency driver device parts memory radio journal flash replay_speed ledger trend sync; do \
	  printf '\n%s\n' "$$name"; [ "$$name" = accuracy ] && arguments="$(ARGS)" || arguments=; \
	  $(BIN)/python "benchmarks/$$name.py" $$arguments || missed="$$missed $$name"; \
	done; [ -z "$$missed" ] || { echo "not reached:$$missed"; exit 1; }

sbom: $(VENV)/.release ## list every component that is installed with Vigil: dist/sbom.json, as CycloneDX
	@rm -rf $(VENV)/sbom && $(BIN)/python -m venv --without-pip $(VENV)/sbom
	@$(BIN)/python -m pip --python $(VENV)/sbom install --quiet --quiet --disable-pip-version-check '.[demo,vm]'
	@$(BIN)/python tools/sbom.py $(VENV)/sbom dist/sbom.json

clean: ## remove .venv and everything that was built or fetched
	rm -rf $(VENV) .typings build dist host/vigil_host/vendor .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find hal firmware host tests tools -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Vigil needs Python 3.11 or newer, and there is no $(PYTHON) here."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Vigil needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: on Debian, Ubuntu and Raspberry Pi OS: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BUILD_FILES) | $(BIN)/python
	@echo "Installing Vigil into $(VENV): about a minute the first time ..."
	@$(INSTALL) --editable '.[demo,vm]'
	@touch $@

$(VENV)/.dev: $(BUILD_FILES) | $(BIN)/python
	@echo "Installing Vigil and what its tests need into $(VENV): a minute or two the first time ..."
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.dev
	@echo "Installing the programs that Vigil is compared with ..."
	@$(INSTALL) --editable '.[dev,bench]'
	@touch $@

$(VENV)/.release: $(VENV)/.dev
	@$(INSTALL) --editable '.[dev,release]'
	@touch $@

# The stub packages of two ports overwrite each other in one environment: a folder for each.
.typings/%/.$(STUBS): | $(BIN)/python
	@rm -rf .typings/$*
	@$(INSTALL) --target .typings/$* 'micropython-$*-stubs==$(STUBS).*'
	@touch $@

# Which programs are missing is known to tests/conftest.py alone.
system-programs: $(VENV)/.dev
	@missing=$$($(BIN)/python tests/conftest.py); \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && grep -qE '^ID=(debian|raspbian)$$' /etc/os-release 2>/dev/null; then \
	  echo "Tests need programs that are missing here; running: apt-get install $$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null \
	    || echo "apt-get failed: the tiers that need $$missing are left out"; \
	fi
