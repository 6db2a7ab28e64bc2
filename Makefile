# Everything is run from here; `make help` lists it.
ifeq ($(OS),Windows_NT)
$(error This project runs on Linux, macOS and WSL. Install WSL with `wsl --install`, and run make in its terminal)
endif

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Python compiles a module when it is first imported. Keep the result, so that the next start is fast.
export PYTHONDONTWRITEBYTECODE :=

empty :=
space := $(empty) $(empty)
ifneq ($(findstring $(space),$(CURDIR)),)
$(error The path of this folder has a space, which some tools cannot use. Move the folder)
endif
FUNCTIONS := upload_handler captioner sketcher pipeline_launcher result_notifier
IMAGES ?=
OUT ?= out
PORT ?= 8080
# Most tests wait for emulators and functions, so more of them run at once than a small machine has cores.
WORKERS ?= 4
BRIEF_LANGUAGE ?=
SECONDS_OF_MUSIC ?=
PIPELINE_IMAGE ?= musicgenerator-pipeline-python

PYTHON := .venv/bin/python
MACHINE_UV := $(shell command -v uv)
UV := $(or $(MACHINE_UV),.tools/uv/bin/uv)
UV_STAMP := $(if $(MACHINE_UV),,.tools/uv/.stamp)
# An interrupted `make clean` leaves what uv does not recognize, and a dev container's folder is a volume that stays.
VENV = rm -rf $(@D)/* $(@D)/.[!.]* && $(UV) venv --quiet --no-python-downloads --python ">=3.11"
SYNC = $(UV) pip sync --quiet --require-hashes
NPM = cd web && PATH="$(CURDIR)/.tools/bin:$$PATH" npm
# Other users of a machine can read the command lines of its processes, and a shell keeps them.
ifeq ($(origin OPENAI_API_KEY),command line)
$(warning OPENAI_API_KEY is safer in the environment than on the command line: read -rs OPENAI_API_KEY; export OPENAI_API_KEY)
endif
# STAGED=1 deploys what is in build/ as it is.
READY = $(if $(STAGED),,.venv/.stamp build gcloud)
# The operator's commands target the local cloud, or PROJECT if it is set.
OPERATOR = .venv/.stamp $(if $(PROJECT),gcloud)
OPERATE = $(if $(PROJECT),bash operations/operate.sh,bash operations/operate_local.sh)
# It needs only the standard library, so it runs without an environment too.
INFRA = $(or $(wildcard $(PYTHON)),python3) -S -m infra
export PORT PROJECT REGION PREFIX
# A program of this machine comes before a fetched one.
export PATH := $(PATH):$(CURDIR)/.tools/bin
export PYTHONPATH := src:.
NOT_INSTALLED = echo "The packages are not installed; the reason is above. Run the command again when it is fixed."; exit 1
PAGE := $(wildcard web/*.html web/build.mjs $(foreach folder,src parts static styles,web/$(folder)/* web/$(folder)/*/*))
# A picture's name may hold any character, so neither make nor the shell reads it.
override IMAGES := $(value IMAGES)
override FILE := $(value FILE)
export FILE IMAGES BRIEF_LANGUAGE SECONDS_OF_MUSIC
PICTURES = --list="$$IMAGES" --language="$$BRIEF_LANGUAGE" --seconds="$$SECONDS_OF_MUSIC"

##@ Use it
.PHONY: demo run drop env engines wishes
demo: wishes .venv/.stamp emulators build-functions build-pipeline ## Make music from pictures: IMAGES="a.jpg b.png" OUT=out BRIEF_LANGUAGE=ko|en SECONDS_OF_MUSIC=30
	@$(PYTHON) -m localcloud demo --out="$(OUT)" $(PICTURES)

run: .venv/.stamp emulators build ## Run the local cloud with the page at http://127.0.0.1:8080 until Ctrl-C; PORT=… changes the port
	@exec $(PYTHON) -m localcloud run

drop: wishes $(if $(STAGED),,.venv/.stamp gcloud) ## Copy pictures into the images bucket with gcloud and follow their tracks: IMAGES=… (PROJECT=…)
	@$(OPERATE) $(PYTHON) -m operations.drop $(PICTURES)

# Refuse an unknown wish before anything is installed, if a Python that is new enough exists already.
wishes:
	@test -z "$$BRIEF_LANGUAGE$$SECONDS_OF_MUSIC" \
	  || ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || python3 -m operations.wishes

env: ## Print the variables that point clients at the local cloud: eval "$(make -s env)"
	@$(if $(wildcard $(PYTHON)),$(PYTHON),python3) -m localcloud.addresses
	@echo 'export PATH="$$PATH:$(CURDIR)/.tools/bin"'

engines: .venv/.stamp ## List the music engines with price, length, sample rate, licence, and what they need at Google
	@$(PYTHON) -m pipeline.engines

##@ Deploy it: PROJECT=… REGION=us-central1 PREFIX=… YES=1 (README, docs/operations.md)
.PHONY: plan deploy deploy-pipeline settings destroy deploy-model route-model undeploy-model deploy-keyless
plan: $(READY) ## Show what a deployment would create and change, and what it costs
	@$(INFRA) plan

deploy: $(READY) ## Show the plan, ask, and create and change what it lists
	@$(INFRA) deploy

deploy-pipeline: $(READY) ## Deploy only the pipeline: image, template, one canary track, then the launcher
	@ONLY="08-pipeline 09-functions" $(INFRA) deploy

settings: ## Show the settings that the project keeps; `make deploy NAME=…` changes one
	@$(INFRA) settings

destroy: ## Ask, and delete an installation with all its data
	@$(INFRA) destroy

deploy-model: $(READY) ## Deploy your own music model to an endpoint: MODEL=gs://… SHARE=10 (percent of the traffic)
	@$(INFRA) deploy-model

route-model: ## Show the traffic of the model's versions, or set it: VERSIONS=ID=90,ID=10 (rollback: ID=100)
	@$(INFRA) route-model

undeploy-model: ## Stop the model's machines, which cost by the hour, and delete the endpoint
	@$(INFRA) undeploy-model

deploy-keyless: ## Let a GitHub repository deploy without a key file: GITHUB=owner/name GITHUB_ID=number
	@$(INFRA) deploy-keyless

##@ Operate it: the local cloud, or PROJECT=… for a deployed project
.PHONY: status logs smoke verify dead-letters replay pause unpause
status: $(OPERATOR) ## Show versions, backlog, failures by reason, today's launches and costs
	@$(OPERATE) $(PYTHON) -m operations.status

logs: $(OPERATOR) ## Print one track's log lines from all functions: TRACK=…
	@$(OPERATE) $(PYTHON) -m operations.logs "$(TRACK)"

smoke: $(OPERATOR) ## Make music from one picture through the public API, check it, and delete it: ENGINE=composer|default|…
	@SMOKE_ENGINE="$(ENGINE)" $(OPERATE) $(PYTHON) -m operations.smoke

verify: .venv/.stamp ## Print what marks an MP3, WAV, MP4, ZIP, MIDI or MusicXML file: FILE=… TRUST=certificates.pem
	@TRUST="$(or $(TRUST),$(wildcard .localcloud/marks/authority.pem))" $(PYTHON) -m operations.verify "$$FILE"

dead-letters: $(OPERATOR) ## List the messages whose deliveries are exhausted, with their reasons
	@$(OPERATE) $(PYTHON) -m operations.dead_letters

replay: $(OPERATOR) ## Publish parked tracks and dead letters again, after you have fixed the cause
	@$(OPERATE) $(PYTHON) -m operations.replay

pause unpause: $(OPERATOR) ## Refuse commands and launch nothing, or resume
	@$(OPERATE) $(PYTHON) -m operations.switch $(if $(filter pause,$@),on,off)

##@ Prove it
.PHONY: test test-fast test-deploy test-page lint style scripts containers types chaos mutants bench bench-web costs simulate eval-captions eval-music corpus corpus-files
test: ## Everything that CI runs
	@$(MAKE) --silent --jobs 2 setup corpus-files setup-model-server build emulators gcloud browser lint test-page
	@$(PYTHON) -m pytest -q -n $(WORKERS) --durations=25

test-fast: .venv/.dev ## Run the tests that need no emulator, no function and no browser
	@$(PYTHON) -m pytest -q -n 2 -m "not cloud and not browser and not model_server and not deploy"

test-deploy: $(READY) .venv/.dev emulators ## Deploy with the real gcloud against a control plane that records every request
	@$(PYTHON) -m pytest -m deploy -q

test-page: web/node_modules/.stamp
	@$(NPM) test --silent

lint: style types scripts containers ## Check formatting, lint, types, shell scripts, workflows and containers

style: .venv/.dev
	@.venv/bin/ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@.venv/bin/ruff check --quiet .

scripts: .venv/.dev
	@.venv/bin/shellcheck $(wildcard infra/*.sh) operations/*.sh tools/*.sh $(wildcard .ci/run)
	@.venv/bin/actionlint .github/workflows/*.yml

# No package checks devcontainer.json; tests/tools/test_containers.py does.
containers: .venv/.dev
	@.venv/bin/hadolint .devcontainer/Dockerfile pipeline/Dockerfile pipeline/model_server/Dockerfile
	@.venv/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

types: .venv/.dev
	@MYPYPATH=.:src$(subst $(space),,$(FUNCTIONS:%=:functions/%)) .venv/bin/mypy --explicit-package-bases \
	  src pipeline localcloud benchmarks infra operations tools \
	  tests/deploy tests/contracts tests/unit tests/functions tests/chaos tests/mutation tests/web tests/support tests/tools
	@for name in $(FUNCTIONS); do MYPYPATH=src:functions/$$name .venv/bin/mypy functions/$$name/*.py; done

chaos: setup build emulators ## Run the crash test and print a report: N=1000 SEED=7
	@$(PYTHON) -m tests.chaos --pictures $(or $(N),200) --seed $(or $(SEED),1)

mutants: .venv/.dev ## Mutate the cores and print what their tests miss: N=300 SEED=1
	@$(PYTHON) -m tests.mutation --sample $(or $(N),300) --seed $(or $(SEED),1)

bench: setup build emulators ## Run the benchmarks and print a table
	@$(PYTHON) -m benchmarks

bench-web: setup build emulators browser ## Measure the page in Chromium: first visit, sizes, 500 tracks, from database write to screen
	@$(PYTHON) -m benchmarks.web

costs: .venv/.dev ## Print US dollars per track by engine and volume, from list prices
	@$(PYTHON) -m benchmarks.costs

simulate: .venv/.dev ## Simulate 1 thousand, 1, 10 and 100 million pictures a month, and show what saturates
	@$(PYTHON) -m benchmarks.simulation

eval-captions: .venv/.stamp ## Evaluate the offline describer and print a table
	@$(PYTHON) -m localcloud.openai.describer.evaluation

eval-music: .venv/.dev ## Evaluate the composer: print its figures with limits, write out/eval/index.html
	@$(PYTHON) -m benchmarks.music_grid

corpus: corpus-files ## Decode every picture of the corpus (some 3,500 files) as the captioner does
	@$(PYTHON) -m tests.pictures

# Fetch the test pictures of Pillow, pillow-heif, gdk-pixbuf and librsvg and generate decompression bombs, in .corpus.
corpus-files: .venv/.dev
	@$(PYTHON) -m tests.pictures --fetch

##@ Build it
.PHONY: setup setup-model-server build build-functions $(FUNCTIONS:%=build-%) build-pipeline build-web screenshots
.PHONY: tools emulators node gcloud browser lock format clean
setup: .venv/.dev $(FUNCTIONS:%=.venvs/%/.stamp) web/node_modules/.stamp ## Install all packages for development

setup-model-server: .venvs/model_server/.stamp ## Install PyTorch, which only the model server needs

build: build-functions build-pipeline build-web ## Stage the functions, compile the pipeline, bundle the page

build-functions: $(FUNCTIONS:%=build-%)

# The sketcher runs the pipeline's composer, mastering and encoding.
COMPOSER := pipeline/__init__.py pipeline/audio.py pipeline/mastering.py pipeline/encoding.py pipeline/assets \
  pipeline/engines/__init__.py pipeline/engines/errors.py pipeline/engines/patience.py pipeline/engines/composer

# A staged directory has the function's files and the shared packages; tests and deployments use it.
# It includes bytecode, because Google Cloud compiles none: every new instance would compile all modules.
$(FUNCTIONS:%=build-%): build-%: | .venv/.stamp
	@rm -rf build/$*
	@mkdir -p build/$*
	@cp functions/$*/*.py $(wildcard functions/$*/*.json) functions/$*/requirements.txt build/$*/
	@cp -R src/musicgenerator src/musicgenerator_google build/$*/
	@$(if $(filter sketcher,$*),tar -c $(COMPOSER) | tar -x -C build/$*)
	@rm -rf build/$*/*/__pycache__
	@$(PYTHON) -m compileall -q --invalidation-mode checked-hash build/$*

build-pipeline: build/pipeline/musicgenerator.yaml

build/pipeline/musicgenerator.yaml: pipeline/definition.py pipeline/requirements.txt Makefile | .venv/.stamp
	@$(PYTHON) -m pipeline.definition --image "$(PIPELINE_IMAGE)" --output $@

build-web: build/web/index.html ## Bundle only the page

build/web/index.html: web/node_modules/.stamp $(PAGE)
	@$(NPM) run --silent build

tools: .venv/.stamp ## Find all tools on this machine, fetch those that are missing into .tools, and list them
	@$(PYTHON) -m tools --list emulators java node gcloud

emulators: .venv/.stamp
	@$(PYTHON) -m tools emulators java

node: .venv/.stamp
	@$(PYTHON) -m tools node

gcloud: .venv/.stamp
	@$(PYTHON) -m tools gcloud

browser: .venv/.dev ## Find a Chromium and a font with Korean letters for the tests, or install them
	@$(PYTHON) -m tools browser

screenshots: setup build emulators browser ## Take the READMEs' screenshots of the page again
	@$(PYTHON) -m tests.web.screenshots

lock: .venv/.stamp node ## Resolve all requirements and tools, and write the lock files and tools/manifest.toml: GCLOUD=version
	@bash tools/lock.sh "$(UV)" $(FUNCTIONS)
	@PATH="$(CURDIR)/.tools/bin:$$PATH" $(PYTHON) -m tools.renew $(GCLOUD)

format: .venv/.dev ## Format the code
	@.venv/bin/ruff format --quiet .
	@.venv/bin/ruff check --quiet --fix .

clean: ## Remove everything built or installed; stop the local cloud first
	@rm -rf build out .localcloud .venv .venvs .tools .corpus web/node_modules test-results
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis

##@ Help
.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z_ -]+:.*## / {printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

PYTHON_NEEDED = echo "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv, or brew install python"

.tools/uv/.stamp: tools/uv.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { $(PYTHON_NEEDED); exit 1; }
	@echo "Installing uv into .tools/uv (18 MB)"
	@python3 -m venv .tools/uv || { \
	  echo "The reason is above. If Python lacks venv: sudo apt-get install python3-venv"; exit 1; }
	@.tools/uv/bin/python -m pip install -qqq --log .tools/uv.log --disable-pip-version-check --require-hashes \
	  --force-reinstall -r tools/uv.txt || { echo "uv cannot be downloaded from your package index; .tools/uv.log says why." \
	  "Run the command again when the network allows it, or install uv by hand: https://docs.astral.sh/uv"; exit 1; }
	@touch $@

# What the local cloud and the operator's commands need.
.venv/.stamp: localcloud/requirements.txt | $(UV_STAMP)
	@echo "Installing Python packages into .venv (150 MB, if uv has not downloaded them before)"
	@$(VENV) .venv || { $(PYTHON_NEEDED); exit 1; }
	@$(SYNC) --python $(PYTHON) $< || { $(NOT_INSTALLED); }
	@touch $@

# The same, and what tests and benchmarks need.
.venv/.dev: requirements.txt .venv/.stamp
	@echo "Installing Python packages for development into .venv"
	@$(SYNC) --compile-bytecode --python $(PYTHON) $< || { $(NOT_INSTALLED); }
	@touch $@

# Each function has an environment with only its own locked requirements, as in Google Cloud.
.venvs/%/.stamp: functions/%/requirements.txt | $(UV_STAMP)
	@echo "Installing the environment of $*"
	@$(VENV) .venvs/$*
	@$(SYNC) --compile-bytecode --python .venvs/$*/bin/python $< || { $(NOT_INSTALLED); }
	@touch $@

# pip installs PyTorch from its configured index: the builds for CPU and CUDA have the same version but different hashes.
.venvs/model_server/.stamp: pipeline/model_server/requirements.txt pipeline/model_server/torch.txt | $(UV_STAMP)
	@echo "Installing the environment of the model server, with PyTorch (about a minute)"
	@$(VENV) --seed .venvs/model_server
	@$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venvs/model_server/bin/python \
	  --requirement pipeline/model_server/requirements.txt
	@.venvs/model_server/bin/python -m pip install --quiet --requirement pipeline/model_server/torch.txt
	@touch $@

web/node_modules/.stamp: web/package-lock.json | node
	@echo "Installing the page's packages (100 MB, if npm has not downloaded them before)"
	@$(NPM) ci --loglevel=error --no-audit --no-fund --no-update-notifier || { $(NOT_INSTALLED); }
	@touch $@
