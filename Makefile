# Two commands do everything: `make demo` and `make test`. Both work on a machine with nothing but
# Python 3.11+ (with its venv module), pip and make. PYTHON=... picks another interpreter.

SHELL := /bin/bash

.PHONY: demo test check-fast bench docs clean

demo: ## create .venv, install the package, check the guide's agent, write build/demo/report.txt
	@bash .ci/venv run
	@bash .ci/demo

test: ## install all that the tests need, then format, lint, types, imports, tests
	@bash .ci/vm
	@bash .ci/browser
	@bash .ci/venv dev
	@bash .ci/test

check-fast: ## what to run before a commit: everything but the slow tests
	@bash .ci/venv dev
	@bash .ci/test fast

bench: ## CPU time against the peers, in the same run; writes docs/reference/benchmarks.md
	@bash .ci/venv dev
	@.venv/bin/python -m benchmarks --write

docs: ## refresh what is generated: the rule table and the printed output in the pages
	@bash .ci/venv dev
	@.venv/bin/python -m tests.meta.rule_table --write
	@.venv/bin/python -m tests.meta.refresh_docs

clean: ## remove what these commands made
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
