# Needs python3 (3.11 or newer) and make; everything else it brings itself, into .venv and build/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
SOURCES := server/src adapters/amazon_pay/src adapters/xcart/src clients/python/src
MANIFESTS := pyproject.toml proto/pyproject.toml server/pyproject.toml adapters/amazon_pay/pyproject.toml \
	adapters/xcart/pyproject.toml clients/python/pyproject.toml
TESTS ?= tests
# The web workspace. Node and npm come from a wheel; `npm` finds `node` beside it.
WEB := clients/web
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --silent --prefix $(WEB)
WEB_FILES := $(shell find $(WEB) \( -name node_modules -o -name dist -o -name gen \) -prune -o -type f -print)
# What the server serves, and puts into its wheel.
WEB_SERVED := server/src/payment_actions_server/console

.PHONY: help demo serve test bench bench-docs lint check proto requirements clean web web-check screenshots chaos simulate simulate-mutants

help: ## Say what each target does.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

# The environment: pinned versions with hashes, then this workspace, editable. Stubs are generated on the way.
$(VENV)/ready: requirements.lock $(MANIFESTS) proto/generate.py $(wildcard proto/payment_actions/v1/*.proto)
	@test -x $(UV) || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --no-deps -r <(sed -n '/^uv==/,/^[^ ]/p' requirements.lock | sed '$$d'); }
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
		-e proto -e clients/python -e server -e adapters/amazon_pay -e adapters/xcart
	@$(BIN)/python proto/generate.py
	@touch $@

proto: $(VENV)/ready ## Generate the stubs from proto/ and check the contract with buf.
	@mkdir -p build && $(BIN)/python proto/generate.py image build/contract.binpb
	@cd proto && ../$(BIN)/buf lint ../build/contract.binpb --config buf.yaml --path payment_actions

# Two steps, so that a change of the code does not install anything anew.
$(WEB)/node_modules/ready: $(VENV)/ready $(WEB)/package-lock.json $(WEB)/.npmrc
	@$(NPM) ci
	@touch $@

build/web/ready: $(WEB)/node_modules/ready $(WEB_FILES) $(wildcard proto/payment_actions/v1/*.proto) proto/generate.py
	@$(BIN)/python proto/generate.py typescript $(WEB)/src/gen $(WEB)/node_modules/.bin/protoc-gen-es
	@rm -rf $(WEB)/dist $(WEB)/console/dist $(WEB_SERVED)
	@$(NPM) run build
	@$(NPM) run build --workspace=console --if-present
	@mkdir -p $(WEB_SERVED) build/web
	@if [ -d $(WEB)/console/dist ]; then cp -R $(WEB)/console/dist/. $(WEB_SERVED)/; fi
	@cp $(WEB)/dist/embed/payment-actions.js $(WEB_SERVED)/
	@touch $@

web: build/web/ready ## Build the web client, the <payment-actions> element and the console; put them where the server serves them.

web-check: build/web/ready ## Check clients/web: types, style, tests.
	@$(NPM) run check
	@$(NPM) run check --workspace=console --if-present
	@$(NPM) test
	@$(NPM) test --workspace=console --if-present

lint: proto ## Check style, types, import layers and the contract.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports

# TESTS=path is about Python's tests: whoever narrows them has not asked for the web's.
test: lint web $(if $(filter tests,$(TESTS)),web-check) ## Check everything: lint, the web's checks, then all tests. TESTS=path narrows it.
	@PYTHONPATH=tests $(BIN)/python -m support.chromium
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

bench: $(VENV)/ready ## Measure, as ratios to yardsticks: docs/performance.md. QUICK=1, GROWTH=1 or MINUTES=n: one part of it.
	@GRPC_ENABLE_FORK_SUPPORT=0 PYTHONPATH=tests $(BIN)/python -m bench $(if $(QUICK),quick,$(if $(GROWTH),growth,$(if $(MINUTES),memory --minutes $(MINUTES),full))) \
		$(OPTIONS)

bench-docs: $(VENV)/ready ## Write docs/performance.md from what was measured.
	@PYTHONPATH=tests $(BIN)/python -m bench document

chaos: $(VENV)/ready ## Kill, pause and cut off real processes for MINUTES=2, then account for every effect. SEED=n repeats a plan.
	@GRPC_ENABLE_FORK_SUPPORT=0 PYTHONPATH=tests $(BIN)/python -m support.chaos \
		--minutes $(or $(MINUTES),2) $(if $(SEED),--seed $(SEED)) $(if $(SQLITE),--sqlite)

simulate: $(VENV)/ready ## Live through SEEDS=200 worlds, FROM=0 on, in which everything goes wrong; SEED=7 tells the story of one.
	@PYTHONPATH=tests $(BIN)/python -m simulation \
		$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),200) --first $(or $(FROM),0))

simulate-mutants: $(VENV)/ready ## Plant faults in the code, one by one: the simulation must find each; MUTANT="name" tells the story of one.
	@PYTHONPATH=tests $(BIN)/python -m simulation --mutants $(if $(MUTANT),--mutant "$(MUTANT)")

demo: $(VENV)/ready web ## Run the whole story on loopback, then keep serving. ONCE=1 ends by itself and says whether all came out right.
	@$(BIN)/payment-actions demo $(if $(ONCE),--once)

screenshots: $(VENV)/ready web ## Take the pictures of README and docs, of the running product, into docs/images.
	@PYTHONPATH=tests $(BIN)/python -m browser.pictures

serve: $(VENV)/ready web ## Serve with CONFIG=payment-actions.toml.
	@$(BIN)/payment-actions serve --config $(or $(CONFIG),payment-actions.toml)

requirements: ## Pin every dependency anew, with hashes, into requirements.lock.
	@$(PYTHON) -m venv build/pin && build/pin/bin/pip install --quiet uv
	@build/pin/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --group dev --all-extras pyproject.toml server/pyproject.toml adapters/amazon_pay/pyproject.toml \
		adapters/xcart/pyproject.toml clients/python/pyproject.toml proto/pyproject.toml \
		$(foreach name,proto client server amazon-pay xcart workspace,--no-emit-package payment-actions-$(name)) \
		-o requirements.lock

clean: ## Remove all that was made here.
	rm -rf $(VENV) build dist proto/src $(WEB)/node_modules $(WEB)/dist $(WEB)/src/gen $(WEB)/console/dist $(WEB_SERVED) .mypy_cache .ruff_cache .hypothesis .import_linter_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
