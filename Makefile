# Everything that CI runs and a newcomer needs. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2
MINUTES ?= 2
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help install run test soak mutants test-fast check format proto proto-check bench fuzz chart clean audit sbom secrets-known

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1  /p' $(MAKEFILE_LIST) | column -t -l 2

install: $(STAMP) ## make the virtual environment and install what uv.lock names

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Drivebay needs Python 3.11 or later; say make PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV=$(CURDIR)/.venv UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv $(BIN)/python -m uv sync --frozen --inexact --quiet
	@touch $(STAMP)

run: install ## start everything: PostgreSQL, NATS, SeaweedFS and all six services
	@exec $(BIN)/drivebay run

test: install ## run every test on real servers
	$(BIN)/pytest -n $(WORKERS) --dist loadscope

soak: install ## break everything for MINUTES (SEED=n) and see that nothing is lost
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

mutants: install ## break each guard in turn and see that a test notices (ONLY="begin owner" for some)
	$(BIN)/python -m tests.mutants --jobs $(WORKERS) $(ONLY)

test-fast: install ## run what needs no server
	$(BIN)/pytest tests/unit tests/wire

check: install proto-check ## formatter, linter, strict types, import rules, Buf, licences, secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/python -m supply.licences
	$(BIN)/python -m supply.secrets

audit: install ## known vulnerabilities of everything that is locked (asks PyPI's advisories)
	@list=$$(mktemp) && trap 'rm -f "$$list"' EXIT && \
	$(BIN)/python -m uv export --frozen --all-groups --no-emit-project --no-hashes --quiet > "$$list" && \
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r "$$list"

sbom: install ## print the bill of materials of what is shipped (CycloneDX)
	@$(BIN)/python -m supply.sbom

secrets-known: install ## accept what looks like a secret and is none: read the difference
	$(BIN)/python -m supply.secrets --accept

format: install ## put the code into the one style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: install ## regenerate what is generated from the .proto files
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/buf generate

proto-check: install ## what is generated is what the .proto files say
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/buf generate -o "$$new" && \
	cd "$$new/src/drivebay/proto" && find . -name '*_pb2.py*' | while read -r file; do \
	  cmp -s "$$file" "$(CURDIR)/src/drivebay/proto/$$file" || { echo "$$file is not up to date: make proto"; exit 1; }; done

bench: install ## measure, into bench/results/
	$(BIN)/python -m bench

fuzz: install ## fuzz every parser for SECONDS each (600), or only one: make fuzz TARGET=cursor
	@VIRTUAL_ENV=$(CURDIR)/.venv UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv $(BIN)/python -m uv sync --frozen --inexact --quiet --group fuzz
	@$(BIN)/python -m fuzz $(TARGET) --seconds $(SECONDS)

chart: install ## render deploy/helm into deploy/kubernetes (needs helm)
	$(BIN)/python -m tests.deploy.chart

clean: ## remove the virtual environment and caches, never ./data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
