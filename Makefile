# Every task of the project. A bare `make` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
# Where it is set, each of the hundreds of processes that the tests start would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE
UV_EXPORT := $(BIN)/uv --no-config export --quiet --no-header --no-annotate --no-emit-project

SECRETS := $(BIN)/detect-secrets-hook --disable-plugin KeywordDetector
# Made-up secrets in tests look like real ones, except for keys and tokens with a form that the other plugins know.
MADE_UP := --disable-plugin BasicAuthDetector --disable-plugin Base64HighEntropyString --disable-plugin HexHighEntropyString

.PHONY: help demo test histories verify-load chaos-push bench bench-quick check core security openapi lock clean venv whole-histories

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:  ## the whole product on this machine: dashboard, its own Postgres, a local FreshBooks
	@.ci/bootstrap runtime
	@$(BIN)/freshbooks-syncd demo

test: venv  ## every test
	@$(BIN)/pytest -n auto --dist loadgroup $(PYTEST_ARGS)

histories: venv  ## 2,000 random histories of both sides, in memory and virtual time (HISTORIES_FROM=seed for others)
	@HISTORIES=$${HISTORIES:-2000} $(BIN)/pytest -n auto --timeout 600 -q tests/actors/test_histories.py $(PYTEST_ARGS)

bench: venv  ## ours beside the peers, on the same books and the same Postgres (BENCH_JSON=path, BENCH_ONLY=names)
	@$(BIN)/python -m tests.bench --only "$(BENCH_ONLY)"

bench-quick: venv  ## the same on small books, in under three minutes
	@$(BIN)/python -m tests.bench --quick --only "$(BENCH_ONLY)"

verify-load: venv  ## a verification of INVOICES=100000 at FreshBooks' pace (four minutes): calls, CPU time, memory
	@$(BIN)/python -m tests.verify.load --invoices $${INVOICES:-100000}

chaos-push: venv  ## PAYMENTS=n through lost answers, refusals and kill -9; exit 0 when each stands exactly once in FreshBooks
	@$(BIN)/python -m tests.system.chaos_push --payments $${PAYMENTS:-10000}

.PHONY: chaos-backfill
chaos-backfill: venv  ## INVOICES=n read while the daemon is killed again and again; exit 0 when both sides are equal
	@$(BIN)/python -m tests.system.chaos_backfill --invoices $${INVOICES:-100000}

.PHONY: chaos-fleet
chaos-fleet: venv  ## MINUTES=n of three daemons on one Postgres, killed and frozen, PER_SECOND=n payments, LEASES=postgres or nats; exit 0: nothing doubled or lost
	@$(BIN)/python -m tests.system.chaos_fleet --minutes $${MINUTES:-60} --per-second $${PER_SECOND:-28} --leases $${LEASES:-postgres}

.PHONY: simulate
simulate: venv  ## SEEDS=n fleets in bad weather, in memory and virtual time (FROM=seed, PLAN=short, year or stretched)
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation --seeds $${SEEDS:-200} --from $${FROM:-1} --plan $${PLAN:-short}

whole-histories: venv  ## 100 random histories over HTTP and Postgres (WHOLE_HISTORIES_FROM=seed for others)
	@WHOLE_HISTORIES=$${WHOLE_HISTORIES:-100} $(BIN)/pytest -n auto -q tests/whole/test_histories.py $(PYTEST_ARGS)

check: venv  ## style, types, direction of imports, and the core's coverage
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory core

core: venv  ## the core's own tests, which must reach every branch of it
	$(BIN)/coverage run --data-file=.coverage.core -m pytest -q tests/core
	$(BIN)/coverage report --data-file=.coverage.core --include='daemon/core/*' --fail-under=100 --skip-covered

# semgrep pins packages (protobuf, opentelemetry, wrapt, jsonschema) older than our lock's, so it has a lock and an environment
# of its own. Its rules are the local ones; it asks for no others and reports to nobody.
SEMGREP := .venv/semgrep/bin/semgrep
SEMGREP_SCAN := PATH="$(CURDIR)/.venv/semgrep/bin:$$PATH" $(SEMGREP) scan --metrics off --disable-version-check --config .ci/semgrep/rules.yml

$(SEMGREP): requirements/semgrep.txt | venv
	@$(BIN)/uv --no-config venv --quiet --clear --python $(BIN)/python .venv/semgrep
	@$(BIN)/uv --no-config --system-certs pip install --quiet --python .venv/semgrep/bin/python --no-deps --require-hashes -r $< || \
		$(BIN)/python -m pip --python .venv/semgrep/bin/python install --quiet --no-deps --require-hashes -r $<
	@touch $@

security: venv $(SEMGREP)  ## unsafe code, secrets in the tree, and the list of what is shipped (dist/sbom.json)
	$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml daemon
	$(SEMGREP_SCAN) --quiet --test .ci/semgrep/rules.py
	$(SEMGREP_SCAN) --quiet --error daemon
	git ls-files -z -- ':!requirements' ':!tests' | xargs -0 $(SECRETS)
	git ls-files -z -- tests | xargs -0 $(SECRETS) $(MADE_UP)
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements requirements/runtime.txt --output-reproducible --output-file dist/sbom.json

openapi: venv  ## write the API's description anew (config/openapi.json)
	$(BIN)/python -m daemon.adapters.http.api >config/openapi.json

lock: venv  ## resolve pyproject.toml anew and write requirements/*.txt
	$(BIN)/uv --no-config --system-certs lock --quiet
	$(UV_EXPORT) --no-dev --group build --extra embedded --extra speed --output-file requirements/runtime.txt >/dev/null
	$(UV_EXPORT) --all-extras --all-groups --output-file requirements/dev.txt >/dev/null
	@echo semgrep | $(BIN)/uv --no-config --system-certs pip compile --quiet --universal --python-version 3.11 --no-header \
		--no-annotate --generate-hashes --output-file requirements/semgrep.txt - >/dev/null
	@! grep -n '://' requirements/*.txt

clean:  ## remove everything that was made here
	rm -rf .venv .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist uv.lock
	find daemon tests -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@.ci/bootstrap
