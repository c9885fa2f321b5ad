# Set-up runs by itself before every target. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
INSTRUCTION ?= pick up the red cube and put it in the left bin
# The sentence reaches the program as an environment value: neither make nor a shell ever expands it.
override INSTRUCTION := $(value INSTRUCTION)
export INSTRUCTION PYTHON
.PHONY: help setup demo test lint models clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##/make \1\t/p' Makefile | expand -t 14

setup:  ## make .venv with everything in it (idempotent)
	@scripts/setup.sh

demo: setup  ## a sentence moves a robot; INSTRUCTION="..." says which
	@.venv/bin/metaagent demo -- "$$INSTRUCTION"

test: setup  ## lint, types, import contracts, all tests
	@scripts/test.sh

lint: setup  ## lint, types and import contracts only
	@scripts/test.sh --lint

models: setup  ## train the shipped policies again from their seeds
	@.venv/bin/metaagent train

clean:  ## remove .venv and what was built (not runs/)
	@rm -rf .venv .setup.lock build install log .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
