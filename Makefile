# Commands for development and CI. `make` without a target lists them.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
NODE_STAMP := node_modules/.installed
WORKERS ?= 2
MINUTES ?= 2
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-cluster test-containers soak mutants test-fast check web-check format proto proto-check bench fuzz chart clean audit sbom secrets-known screenshots

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1  /p' $(MAKEFILE_LIST) | column -t -l 2

install: $(STAMP) ## create the virtual environment and install the packages of uv.lock

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Drivebay needs Python 3.11 or later. Run make PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV=$(CURDIR)/.venv UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv $(BIN)/python -m uv sync --frozen --inexact --quiet
	@touch $(STAMP)

$(NODE_STAMP): package-lock.json $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $(NODE_STAMP)

run: install ## start PostgreSQL, NATS, SeaweedFS and all services
	@exec $(BIN)/drivebay run

test: install $(NODE_STAMP) ## run the tests on real servers, without the slow ones
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  echo "No Chromium was found, so the tests of the web app are skipped. On Debian: apt-get install chromium-headless-shell"
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow and not cluster and not containers"

test-slow: install $(NODE_STAMP) ## run the tests that take minutes: commands, six processes, crash points, soak, generated calls, faults of every server, backups
	@# In their order: by default the modules with one long test each come last, and one worker waits for the other.
	$(BIN)/pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "slow and not cluster and not containers"

test-cluster: install ## run the tests on clusters of processes: NATS, Drivebay, PostgreSQL, SeaweedFS
	$(BIN)/pytest -n $(WORKERS) --dist loadfile tests/cluster -m cluster

test-containers: install ## build the images and start the Compose files in containers (needs root, podman, runc, debootstrap)
	$(BIN)/pytest tests/deploy/test_containers.py -m containers

soak: install ## inject faults for MINUTES (2) while users work, then check that nothing is lost (SEED=n repeats a run, CLUSTER=1 uses clusters)
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(CLUSTER),--cluster)

mutants: install ## break each guard in turn and check that a test fails (some guards: ONLY="begin owner")
	$(BIN)/python -m tests.mutants --jobs $(WORKERS) $(ONLY)

test-fast: install ## run the tests that need no server
	$(BIN)/pytest tests/unit tests/rpc

check: install proto-check web-check ## check format, lint rules, types, import rules, .proto files, licences and secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/python -m supply.licences
	$(BIN)/python -m supply.secrets

web-check: install $(NODE_STAMP) ## check format, lint rules and types of the web app
	PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/biome ci --error-on-warnings src/drivebay/web/static
	PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/tsc -p .

audit: install ## report known vulnerabilities of all locked packages (queries PyPI)
	@list=$$(mktemp) && trap 'rm -f "$$list"' EXIT && \
	$(BIN)/python -m uv export --frozen --all-groups --no-emit-project --no-hashes --quiet > "$$list" && \
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r "$$list"

sbom: install ## print the bill of materials of the shipped packages (CycloneDX)
	@$(BIN)/python -m supply.sbom

secrets-known: install ## accept all present findings of the secret scan as no secrets. Review the difference
	$(BIN)/python -m supply.secrets --accept

format: install $(NODE_STAMP) ## format the code and apply automatic fixes of the linter
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/biome check --write src/drivebay/web/static

proto: install ## write the comments of the .proto files from the contracts, and generate the code
	$(BIN)/python -m tests.rpc.proto_comments
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/buf generate

proto-check: install ## check that the generated code matches the .proto files
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/buf generate -o "$$new" && \
	cd "$$new/src/drivebay/proto" && find . -name '*_pb2.py*' | while read -r file; do \
	  cmp -s "$$file" "$(CURDIR)/src/drivebay/proto/$$file" || { echo "$$file is not up to date. Run make proto"; exit 1; }; done

bench: install ## run the benchmarks and write bench/results/
	$(BIN)/python -m bench

screenshots: install ## take the pictures of the web app in docs/pictures (needs Chromium)
	$(BIN)/python -m tests.screenshots

fuzz: install ## fuzz every parser for SECONDS each (600), or one with TARGET=cursor
	@VIRTUAL_ENV=$(CURDIR)/.venv UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv $(BIN)/python -m uv sync --frozen --inexact --quiet --group fuzz
	@$(BIN)/python -m fuzz $(TARGET) --seconds $(SECONDS)

chart: install ## render deploy/helm into deploy/kubernetes (needs helm)
	$(BIN)/python -m tests.deploy.chart

clean: ## remove the virtual environment and caches, never ./data
	rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
