# Every target builds what it needs; nothing outside this directory is touched.
# `make demo` and `make test` are all that a newcomer has to know.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
unexport PYTHONHOME PYTHONPATH

# Relative, because make cannot hold a name with a space and a checkout may sit in one.
python := .venv/bin/python
code := bmcha tests native hil-tests docs setup.py
heading = @printf '\n== %s\n'

# Further arguments: make demo SIM="--board bare", make pytest ARGS="-k wire -x"
SIM ?=
SECONDS ?= 60
TIMES ?= 10
NAPS ?= 200
SEEDS ?= 1000
FROM ?=
BOARD ?=
STORY ?=
ARGS ?=

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

.PHONY: demo
demo: build ## two modules on a virtual chassis: watch a failover
	@exec .venv/bin/bmcha sim $(SIM)

.PHONY: test
test: format-check lint check-types contracts warnings c-test pytest ## everything that is checked

.PHONY: build
build: ## what bmcha needs to run, in .venv/
	@.ci/env.sh run

.PHONY: env
env: ## the development environment in .venv/: bmcha, editable, and the tools
	@.ci/env.sh dev

.PHONY: format
format: env ## rewrite the Python files in the project's format
	@$(python) -m ruff format $(code)

.PHONY: format-check
format-check: env
	$(heading) 'formatting'
	@$(python) -m ruff format --check $(code)

.PHONY: lint
lint: env ## ruff
	$(heading) 'lint'
	@$(python) -m ruff check $(code)

.PHONY: check-types
check-types: env ## mypy, strict
	$(heading) 'types'
	@$(python) -m mypy

.PHONY: contracts
contracts: env ## who may import whom
	$(heading) 'import contracts'
	@$(python) tests/repo/contracts.py

.PHONY: warnings
warnings: env ## our C with all warnings as errors
	$(heading) 'native build, warnings are errors'
	@.ci/native.sh warnings

.PHONY: c-test
c-test: ## the C tests and short runs of the fuzzers under the address, undefined-behaviour and thread sanitizers
	$(heading) 'C tests, sanitized'
	@.ci/native.sh test

.PHONY: fuzz
fuzz: ## search for bytes that break the C part, SECONDS="600" in each fuzzer; needs clang
	$(heading) 'fuzzers'
	@.ci/native.sh fuzz $(SECONDS) || [ $$? = 3 ]

.PHONY: codec-bench
codec-bench: ## what a frame costs in C, beside the textbook's way of doing it
	@.ci/native.sh bench

.PHONY: pytest
pytest: env ## the Python tests; ARGS="..." goes to pytest
	$(heading) 'pytest'
	@$(python) -m pytest $(ARGS)

.PHONY: vm-ports
vm-ports: env ## the ports against a real kernel's devices, in a virtual machine; ARGS="..."
	$(heading) 'ports, in the virtual machine'
	@tests/ports/vm/run.sh pytest $(or $(ARGS),tests/ports) || [ $$? = 3 ]

.PHONY: hil
hil: env ## two emulated boards and every wire between them; ARGS="-k frozen"
	$(heading) 'hardware in the loop, emulated boards'
	@hil-tests/run.sh $(ARGS) || [ $$? = 3 ]

.PHONY: scenarios
scenarios: env ## every scenario on every board TIMES="10" in a row, then each crippled in every way
	@$(python) -m tests.process.repeat_scenarios $(TIMES)
	@$(python) -m pytest --long tests/process/test_scenarios_can_fail.py

.PHONY: sleeper
sleeper: env ## the ACTIVE stopped NAPS="200" times on gated and on reset, for 1 ms to a minute
	@$(python) -m tests.process.sleeper $(NAPS)

.PHONY: mutants
mutants: env ## delete one rule of bmcha/ha at a time: does a test notice? ARGS="verdicts --at-once 1"
	@$(python) -m tests.mutation $(ARGS)

.PHONY: endurance
endurance: env ## noise on every path, a minute of each kind; SECONDS="5" for a quick look
	@$(python) -m tests.process.storm $(SECONDS)

.PHONY: model
model: env ## two nodes searched through every order of faults; ARGS="--board gated --faults 2 cut stop"
	$(heading) 'model, the large bound'
	@$(python) -m tests.model.run $(ARGS)

.PHONY: soak
soak: env ## storms of faults in the simulator: SEEDS="1000", more each time; FROM= BOARD= STORY=
	@$(python) -m tests.sim.soak --seeds $(SEEDS) $(and $(FROM),--from $(FROM)) \
	  $(and $(BOARD),--board $(BOARD)) $(and $(STORY),--story $(STORY))

.PHONY: docs
docs: env ## rewrite the generated pages
	@.venv/bin/python -m bmcha.ha.role_machine_doc > docs/role-machine.md
	@.venv/bin/python -m bmcha.ha.role_rules_doc > docs/role-rules.md
	@.venv/bin/python -m bmcha.config.reference_page > docs/configuration.md
	@.venv/bin/python -m bmcha.config.schema module > docs/schema/module.schema.json
	@.venv/bin/python -m bmcha.config.schema board > docs/schema/board.schema.json
	@.venv/bin/python -m bmcha.cli.man_page > docs/man/bmcha.1
	@.venv/bin/python -m bmcha.cli.operator_page docs/operator.md

.PHONY: captures
captures: env ## take the pictures of the live view anew, from the real program
	@$(python) docs/captures/make_captures.py

.PHONY: wheel
wheel: env ## a wheel for Python 3.11 and later, in dist/
	@rm -rf build/lib* build/bdist*
	@$(python) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

.PHONY: cross
cross: ## wheels for boards (armhf, arm64), run in emulated processors; the codec on a big-endian one
	$(heading) 'cross builds'
	@.ci/cross.sh armhf || [ $$? = 3 ]
	@.ci/cross.sh arm64 || [ $$? = 3 ]
	@.ci/native.sh big-endian || [ $$? = 3 ]

.PHONY: clean
clean: ## remove everything that make made, .venv/ too
	@rm -rf .venv build dist *.egg-info bmcha/_native*.so
	@find bmcha native tests -name __pycache__ -type d -prune -exec rm -rf {} +
