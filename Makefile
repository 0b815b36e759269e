# `make help` lists what there is. Everything runs in a virtual environment in .venv, made on the first call and re-used at once after.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two workers on two cores: each with one thread, or they spin against each other.
export OMP_NUM_THREADS ?= 1
# No telemetry, no hub: nothing here needs more than the package index.
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export HF_HUB_DISABLE_TELEMETRY := 1
JOBS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help env build-nest report test test-review test-scale test-site lint format train-tiny bench score ui clean schedule

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

env: $(READY) ## Make the environment

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

build-nest: $(READY) ## Run the whole pipeline on the embedded edition, as a Prefect flow (ARGS="--seed 7")
	OMP_NUM_THREADS=2 $(BIN)/nest build --prefect $(ARGS)

report: $(READY) ## Write the HTML report of the newest edition
	$(BIN)/nest report $(ARGS)

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

test-review: $(READY) ## Run the round trip through a real Label Studio (installed in an environment of its own: minutes, 1 GB)
	$(BIN)/python -m pytest -m server tests/review $(ARGS)

test-site: $(READY) ## Run the tests of the report's site in a real browser, with 10,000 samples (ARGS=-s prints its times)
	$(BIN)/python -m pytest -m browser tests/report $(ARGS)

test-scale: $(VENV)/.ready-scale ## Run what needs PostgreSQL, object storage, Dask and Ray (real ones, on this machine; 300 MB more of packages)
	$(BIN)/python -m pytest -m scale $(ARGS)

$(VENV)/.ready-scale: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,test-scale]'
	touch $@

lint: $(READY) ## Lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

train-tiny: $(READY) ## Train the embedded models again (hours on a CPU; a GPU is used where there is one)
	$(BIN)/python -m nest_builder.tiny.detector --seed 0 --out data/models/grounding-dino-tiny
	$(BIN)/python -m nest_builder.tiny.mask_model --seed 0 --out data/models/sam-tiny
	$(BIN)/python -m nest_builder.tiny.ner --seed 0 --out data/models/spacy-news
	$(BIN)/python -m nest_builder.tiny.clip --seed 0 --out data/models/clip-tiny
	$(BIN)/python -m nest_builder.tiny.lisa --seed 0 --out data/models/lisa-tiny
	$(BIN)/python -m nest_builder.rose.websense_model --seed 0 --out data/models/websense.json
	$(BIN)/python -m nest_builder.tiny.confidence --seed 101 --seed 102 --seed 103 --seed 104 --out data/models/p_correct.json

bench: $(READY) ## Run the benchmarks and hold them against their floors
	$(BIN)/nest bench all $(ARGS)

score: $(READY) ## Hold what `make build-nest` made against the simulated world's truth
	$(BIN)/nest score $(ARGS)

schedule: $(READY) ## Deploy the schedule of prefect.yaml, with its work pools, to the Prefect server of PREFECT_API_URL
	for pool in nest nest-gpu; do \
	  $(BIN)/prefect work-pool inspect $$pool > /dev/null 2>&1 || $(BIN)/prefect work-pool create --type process $$pool; \
	  $(BIN)/prefect work-pool set-concurrency-limit $$pool 1; done
	PREFECT_CLI_PROMPT=false $(BIN)/prefect deploy --all

ui: $(READY) ## Open the Prefect UI on the runs made so far (http://127.0.0.1:4200)
	PREFECT_HOME=$(CURDIR)/work/prefect $(BIN)/prefect server start --host 127.0.0.1

clean: ## Remove what was built (not the environment)
	rm -rf work .pytest_cache .mypy_cache .ruff_cache build *.egg-info
