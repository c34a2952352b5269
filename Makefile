# Two of these are all that anybody has to know: `make demo` and `make test`. Both make what they need inside this
# folder (.venv, js/node_modules, .cache), except the model's weights: they go into the user's cache.

PYTHON ?= python3
ARGS ?=

RUN := .venv/bin/python
PACKAGES := .venv/.packages
NBCHAT := .venv/.nbchat
NPM := $(RUN) scripts/node.py
MODULES := js/node_modules/.installed
BUNDLE := nbchat/jupyter/static/cell.js
SOURCES := $(shell find js \( -name node_modules -o -name tests \) -prune -o -type f -print)

unexport PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test journeys lab check format js kernels bench fuzz build pins weights browser clean

help: ## say what each of these does
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 \2/p' Makefile | awk '{ printf "  %s %-8s", $$1, $$2; $$1 = $$2 = ""; print }'

demo: $(NBCHAT) weights ## answer the quickstart notebook's questions, here in the terminal, with the model inside the kernel
	@$(RUN) scripts/demo.py

test: check weights browser ## every check and test but the thorough journeys (ARGS="-k stream" for some of the Python ones)
	@echo "Test: vitest"
	@$(NPM) run --silent test
	@echo "Test: pytest"
	@$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not thorough" $(ARGS)

journeys: check weights browser ## every journey in a browser, those that `make test` has no time for among them
	@$(RUN) -m pytest -n 2 --dist load tests/browser $(ARGS)

lab: $(NBCHAT) ## open the notebooks in JupyterLab
	@$(RUN) -m jupyterlab --ServerApp.root_dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

check: $(NBCHAT) ## read the code: ruff, mypy, the floors, the notebooks, biome, tsc
	@echo "Check: ruff"
	@$(RUN) -m ruff check --quiet
	@$(RUN) -m ruff format --check --quiet
	@echo "Check: mypy"
	@$(RUN) -m mypy --no-error-summary
	@echo "Check: import-linter"
	@.venv/bin/lint-imports > .venv/floors.log || { cat .venv/floors.log; exit 1; }
	@echo "Check: notebooks without outputs"
	@$(RUN) scripts/notebooks.py
	@echo "Check: tsc and biome"
	@$(NPM) run --silent check

format: $(NBCHAT) ## mend what can be mended by itself
	@$(RUN) -m ruff check --fix-only
	@$(RUN) -m ruff format
	@$(RUN) scripts/notebooks.py --fix
	@$(NPM) run --silent format

js: $(BUNDLE) ## bundle the front end into the package

kernels: $(NBCHAT) weights browser ## prove Stop on every ipykernel that is supported (ARGS="6.31.0" for one)
	@$(RUN) scripts/kernels.py $(ARGS)

bench: $(NBCHAT) weights ## measure against the peers, as ratios
	@$(RUN) -m benchmarks $(ARGS)

fuzz: $(NBCHAT) ## look for bytes that break the decoder, for a minute (ARGS="--seconds 600" for ten)
	@$(RUN) -m pip install --quiet --no-deps --require-hashes --no-input -r requirements/fuzz.txt
	@$(RUN) -m fuzz $(ARGS)

build: $(NBCHAT) ## make the wheel and the sdist in dist/, and try the wheel in an environment of its own
	@$(RUN) scripts/wheel.py

pins: $(PACKAGES) ## renew requirements/ from pyproject.toml (ARGS="--upgrade" for newer releases)
	@$(RUN) -m pip install --quiet uv
	@$(RUN) -m uv $(COMPILE) --extra local --extra lab --extra mcp --group dev -o requirements/dev.txt pyproject.toml
	@$(RUN) -m uv $(COMPILE) --group node -o requirements/node.txt
	@$(RUN) -m uv $(COMPILE) --group fuzz -o requirements/fuzz.txt

# One file for every platform, each release with its hashes, and no host: whoever installs chooses the index.
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header $(ARGS)

clean: ## remove everything that make made
	rm -rf .venv .cache js/node_modules nbchat/jupyter/static dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis test-results

weights: $(NBCHAT)
	@$(RUN) -m nbchat.embedded.weights

browser: $(PACKAGES)
	@$(RUN) scripts/browser.py

$(PACKAGES): requirements/dev.txt requirements/node.txt
	@$(PYTHON) scripts/environment.py

$(MODULES): js/package.json js/package-lock.json | $(PACKAGES)
	@echo "Front end: the packages of js/package-lock.json"
	@$(NPM) ci --loglevel=error --no-progress > .venv/npm.log || { cat .venv/npm.log; exit 1; }
	@touch $@

$(BUNDLE): $(SOURCES) $(MODULES)
	@echo "Front end: $(BUNDLE)"
	@$(NPM) run --silent build
	@touch $@

$(NBCHAT): pyproject.toml hatch_build.py $(PACKAGES) | $(BUNDLE)
	@echo "Package: this folder, as nbchat"
	@$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
