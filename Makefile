# Everything is run from here; `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

empty :=
space := $(empty) $(empty)
FUNCTIONS := upload_handler captioner pipeline_launcher result_notifier
IMAGES ?=
OUT ?= out
PORT ?= 8080
# Most tests wait for emulators and functions, so more of them run at once than a small machine has cores.
WORKERS ?= 4
BRIEF_LANGUAGE ?=
SECONDS_OF_MUSIC ?=
PIPELINE_IMAGE ?= musicgenerator-pipeline-python
UV_VERSION := 0.13.9

PYTHON := .venv/bin/python
UV := $(or $(shell command -v uv),.tools/bin/uv)
SYNC = $(UV) pip sync --quiet --require-hashes --compile-bytecode
# STAGED=1 deploys what is in build/ as it is.
READY = $(if $(STAGED),,setup build)
# Whatever works on a deployed project or on the local cloud is given the variables of the one that is meant.
OPERATE = $(if $(PROJECT),bash operations/operate.sh,bash operations/operate_local.sh)
export PORT PROJECT REGION PREFIX
export PYTHONPATH := src:.
WISHES = $(if $(BRIEF_LANGUAGE),--language $(BRIEF_LANGUAGE)) $(if $(SECONDS_OF_MUSIC),--seconds $(SECONDS_OF_MUSIC))

##@ Use it
.PHONY: demo run drop env engines
demo: setup build ## Make music from pictures: IMAGES="a.jpg b.png" OUT=out BRIEF_LANGUAGE=ko|en SECONDS_OF_MUSIC=30
	@$(PYTHON) -m localcloud demo $(IMAGES) --out "$(OUT)" $(WISHES)

run: setup build ## The local cloud with the page at http://127.0.0.1:8080 (another PORT=…), until Ctrl-C
	@exec $(PYTHON) -m localcloud run

drop: $(if $(STAGED),,setup) ## Copy pictures in with the real gcloud and follow them: IMAGES=… (PROJECT=… for a deployed project)
	@$(OPERATE) $(PYTHON) -m $(if $(PROJECT),operations.drop,localcloud drop) $(IMAGES) $(WISHES)

env: ## Print the variables that point any client at the local cloud: eval "$(make -s env)"
	@$(if $(wildcard $(PYTHON)),$(PYTHON),python3) -m localcloud.addresses

engines: .venv/.stamp ## List the music engines with price, length, rate and licence
	@$(PYTHON) -m pipeline.engines

##@ Deploy it: PROJECT=… REGION=us-central1 PREFIX=… YES=1 (README, docs/operations.md)
.PHONY: plan deploy deploy-pipeline destroy deploy-model route-model undeploy-model deploy-keyless
plan: $(READY) ## What a deployment would create and change, and what it costs
	@bash infra/deploy.sh plan

deploy: $(READY) ## Create and change what the plan says, after asking
	@bash infra/deploy.sh apply

deploy-pipeline: $(READY) ## The pipeline alone: image, template, a canary's track, then the launcher
	@ONLY="08-pipeline 09-functions" bash infra/deploy.sh apply

destroy: ## Take an installation away with everything in it, after asking
	@bash infra/destroy.sh

deploy-model: $(READY) ## A model of one's own: MODEL=gs://… image, upload, endpoint, SHARE=10 percent of its traffic
	@bash infra/model.sh deploy

route-model: ## Which version answers: VERSIONS=ID=90,ID=10; a rollback is ID=100
	@bash infra/model.sh route

undeploy-model: ## End the model's machines, which cost by the hour
	@bash infra/model.sh undeploy

deploy-keyless: ## Let a GitHub repository deploy without a key: GITHUB=owner/name
	@bash infra/keyless.sh

##@ Operate it: the local cloud, or PROJECT=… for a deployed project
.PHONY: status logs smoke dead-letters replay pause unpause
status: .venv/.stamp ## Versions, backlog, failures by reason, today's spending against the cap
	@$(OPERATE) $(PYTHON) -m operations.status

logs: .venv/.stamp ## One track's story across all functions: TRACK=…
	@$(OPERATE) $(PYTHON) -m operations.logs "$(TRACK)"

smoke: .venv/.stamp ## A picture through the public door until its music can be heard, and gone again
	@$(OPERATE) $(PYTHON) -m operations.smoke

dead-letters: .venv/.stamp ## List the messages that were given up on, with their reasons
	@$(OPERATE) $(PYTHON) -m operations.dead_letters

replay: .venv/.stamp ## Take up again what was parked or given up on
	@$(OPERATE) $(PYTHON) -m operations.replay

pause unpause: .venv/.stamp ## Stop taking commands and launching, or go on
	@$(OPERATE) $(PYTHON) -m operations.switch $(if $(filter pause,$@),on,off)

##@ Prove it
.PHONY: test test-fast test-deploy test-page lint style scripts types chaos bench bench-web costs simulate eval-captions eval-music corpus corpus-files
test: setup setup-model-server build browser corpus-files ## Everything that CI runs
	@$(MAKE) --silent --jobs 2 lint test-page
	@$(PYTHON) -m pytest -q -n $(WORKERS) --durations=25

test-fast: .venv/.stamp ## The tests that need no emulators, no functions and no browser
	@$(PYTHON) -m pytest -q -n 2 -m "not cloud and not browser and not model_server and not deploy"

test-deploy: $(READY) ## A whole deployment by the real gcloud, against a control plane that records every request
	@$(PYTHON) -m pytest -m deploy -q

test-page: web/node_modules/.stamp
	@cd web && npm test --silent

lint: style types scripts ## Formatting, lint, types, shell scripts and workflows

style: .venv/.stamp
	@.venv/bin/ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@.venv/bin/ruff check --quiet .

scripts: .venv/.stamp
	@.venv/bin/shellcheck infra/*.sh infra/steps/*.sh operations/*.sh tests/web/*.sh $(wildcard .ci/run)
	@.venv/bin/actionlint .github/workflows/*.yml

types: .venv/.stamp
	@MYPYPATH=.:src$(subst $(space),,$(FUNCTIONS:%=:functions/%)) .venv/bin/mypy --explicit-package-bases \
	  src pipeline localcloud benchmarks infra operations \
	  tests/deploy tests/contracts tests/unit tests/functions tests/chaos tests/web tests/support
	@for name in $(FUNCTIONS); do MYPYPATH=src:functions/$$name .venv/bin/mypy functions/$$name/*.py; done

chaos: setup build ## The crash test with a report: N=1000 SEED=7
	@$(PYTHON) -m tests.chaos --pictures $(or $(N),200) --seed $(or $(SEED),1)

bench: setup build ## Benchmarks, as a table
	@$(PYTHON) -m benchmarks

bench-web: setup build browser ## Measure the page in a real Chromium: first visit, sizes, 500 tracks, from write to words
	@$(PYTHON) -m benchmarks.web

costs: .venv/.stamp ## Dollars a track by engine and by pictures a month, from list prices
	@$(PYTHON) -m benchmarks.costs

simulate: .venv/.stamp ## Where the chain saturates at a thousand, a million, a hundred million pictures a month
	@$(PYTHON) -m benchmarks.simulation

eval-captions: .venv/.stamp ## How well the offline describer names pictures, as a table
	@$(PYTHON) -m localcloud.openai.describer.evaluation

eval-music: .venv/.stamp ## Judge the composer on 24 briefs, as a table
	@$(PYTHON) -m benchmarks.music_grid

corpus: corpus-files ## Run every picture of the corpus (some 3,500 files) through the captioner's decoder
	@$(PYTHON) -m tests.pictures

# Test pictures of Pillow, pillow-heif, gdk-pixbuf and librsvg, by package name, and generated bombs; kept in .corpus.
corpus-files: .venv/.stamp
	@$(PYTHON) -m tests.pictures --fetch

##@ Build it
.PHONY: setup setup-model-server build $(FUNCTIONS:%=build-%) build-pipeline build-web browser lock format clean
setup: .venv/.stamp $(FUNCTIONS:%=.venvs/%/.stamp) web/node_modules/.stamp ## Install everything that the project needs

setup-model-server: .venvs/model_server/.stamp ## Install PyTorch for the model server, which no other command needs

build: $(FUNCTIONS:%=build-%) build-pipeline build-web ## Stage the functions, compile the pipeline, bundle the page

# A staged directory is what is tested and deployed: the function's own files beside the shared packages.
# Its bytecode is made here: nobody makes it in Google Cloud, where every new instance would compile it all again.
$(FUNCTIONS:%=build-%): build-%: | .venv/.stamp
	@rm -rf build/$*
	@mkdir -p build/$*
	@cp functions/$*/*.py $(wildcard functions/$*/*.json) functions/$*/requirements.txt build/$*/
	@cp -R src/musicgenerator src/musicgenerator_google build/$*/
	@find build/$* -name __pycache__ -prune -exec rm -rf {} +
	@$(PYTHON) -m compileall -q --invalidation-mode checked-hash build/$*

build-pipeline: build/pipeline/musicgenerator.yaml

build/pipeline/musicgenerator.yaml: pipeline/definition.py pipeline/requirements.txt Makefile | .venv/.stamp
	@$(PYTHON) -m pipeline.definition --image "$(PIPELINE_IMAGE)" --output $@

build-web: build/web/index.html

build/web/index.html: web/node_modules/.stamp $(shell find web/src web/parts web/static web/styles -type f) web/build.mjs web/index.html web/share.html
	@cd web && npm run --silent build

browser: .venv/.stamp ## Find a Chromium for the tests, or install one
	@bash tests/web/ensure_chromium.sh

lock: | $(UV) ## Resolve all requirements together and write the locks, with hashes
	@bash infra/lock.sh "$(UV)" $(FUNCTIONS)

format: .venv/.stamp ## Format the code
	@.venv/bin/ruff format --quiet .
	@.venv/bin/ruff check --quiet --fix .

clean: ## Remove what was built and installed; the local cloud must not be running
	@rm -rf build out .localcloud .venv .venvs .tools web/node_modules test-results
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis

##@ Help
.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z_ -]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	@echo "Installing uv $(UV_VERSION) into .tools"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv, or brew install python"; exit 1; }
	@python3 -m venv .tools
	@.tools/bin/pip install --quiet uv==$(UV_VERSION)

.venv/.stamp: requirements.txt | $(UV)
	@echo "Installing the development environment"
	@$(UV) venv --quiet --clear --python ">=3.11" .venv
	@$(SYNC) --python $(PYTHON) requirements.txt
	@touch $@

# Each function gets an environment with only its own locked requirements, as Google Cloud gives it one.
.venvs/%/.stamp: functions/%/requirements.txt | $(UV)
	@echo "Installing the environment of $*"
	@$(UV) venv --quiet --clear --python ">=3.11" .venvs/$*
	@$(SYNC) --python .venvs/$*/bin/python functions/$*/requirements.txt
	@touch $@

# PyTorch comes by pip from wherever pip looks: its builds for a CPU and for CUDA share a version and not their hashes.
.venvs/model_server/.stamp: pipeline/model_server/requirements.txt pipeline/model_server/torch.txt | $(UV)
	@echo "Installing the environment of the model server, with PyTorch (about a minute)"
	@$(UV) venv --quiet --clear --seed --python ">=3.11" .venvs/model_server
	@$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venvs/model_server/bin/python \
	  --requirement pipeline/model_server/requirements.txt
	@.venvs/model_server/bin/python -m pip install --quiet --requirement pipeline/model_server/torch.txt
	@touch $@

web/node_modules/.stamp: web/package-lock.json
	@command -v npm > /dev/null || { \
	  echo "Node.js 20 or newer is missing: sudo apt-get install nodejs npm, or brew install node"; exit 1; }
	@echo "Installing the page's packages"
	@cd web && npm ci --silent --no-audit --no-fund
	@touch $@
