.PHONY: help setup demo serve test check format openapi bench estate faults evidence
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 7071
SEEDS ?= 1000

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/'

.venv/.ready: requirements.txt requirements-dev.txt constraints.txt package.json package-lock.json localhost/setup.py
	$(PYTHON) localhost/setup.py

setup: .venv/.ready  ## install everything that is needed into .venv and node_modules

demo: .venv/.ready  ## do the main job before your eyes, on a fleet of 200 simulated machines (ARGS=--help)
	@$(BIN)/python -m localhost demo $(ARGS)

serve: .venv/.ready  ## keep it running on 127.0.0.1:7071 (PORT= changes it, TLS=1 answers https, ARGS=--help says more)
	@$(BIN)/python -m localhost serve --port $(PORT) $(if $(filter 1,$(TLS)),--tls) $(ARGS)

test: .venv/.ready  ## all tests
	$(BIN)/pytest -n 4 --dist worksteal

check: .venv/.ready  ## format, lint, types, layers
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

format: .venv/.ready  ## mend what check would complain about
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

openapi: .venv/.ready  ## write docs/openapi.json anew
	$(BIN)/python -m localhost.openapi

estate: .venv/.ready  ## 10,000 machines in 20 subscriptions, 5 percent faults: calls, memory, invariants (ARGS=--help)
	$(BIN)/python -m benchmarks estate $(ARGS)

faults: .venv/.ready  ## try seeded mixes of faults on the whole product (ARGS="--seeds 50", or "--seed 17 --trace")
	@$(BIN)/python -m localhost faults $(ARGS)

evidence: .venv/.ready  ## simulate years of schedules under faults, on all cores, and write docs/evidence.md (SEEDS=1000)
	@$(BIN)/python -m localhost evidence --seeds $(SEEDS) --calendar --write docs/evidence.md $(ARGS)

bench: .venv/.ready  ## machines per second and storage transactions per machine
	$(BIN)/python -m benchmarks
