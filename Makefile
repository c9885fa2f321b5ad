# Set-up runs by itself before every target. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHON
.PHONY: help setup test lint clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##/make \1\t/p' Makefile | expand -t 14

setup:  ## make .venv with everything in it (idempotent)
	@scripts/setup.sh

test: setup  ## lint, types, import contracts, all tests
	@scripts/test.sh

lint: setup  ## lint, types and import contracts only
	@scripts/test.sh --lint

clean:  ## remove .venv and what was built (not runs/)
	@rm -rf .venv .setup.lock build install log .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
