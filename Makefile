# Two commands on a fresh machine with python3 (3.11 or newer), git and make:
#   make demo   the main job, against the built-in sandbox carrier: no account, no key, no money
#   make test   every test
# uv is used when present; otherwise the standard library's venv and pip.

PYTHON  ?= python3
WORKERS ?= 2   # test processes; 0 runs in this one, where a debugger works
ARGS    ?=     # more for pytest: make test ARGS="-k budget"
BIN     := .venv/bin

# Start-up without bytecode costs half as much again; an assistant waits for it.
unexport PYTHONDONTWRITEBYTECODE

ifneq ($(shell command -v uv 2>/dev/null),)
  VENV    := uv venv --quiet --allow-existing --python $(PYTHON) .venv
  INSTALL := uv pip install --quiet --compile-bytecode --python .venv/bin/python
  FREEZE  := uv pip freeze --exclude-editable --python .venv/bin/python
else
  # pip 25.1 is the first that reads dependency groups; Debian 12 ships 23.
  VENV    := $(PYTHON) -m venv .venv && .venv/bin/python -m pip install --quiet --upgrade "pip>=25.1"
  INSTALL := .venv/bin/python -m pip install --quiet
  FREEZE  := .venv/bin/python -m pip freeze --exclude-editable
endif
PINNED := -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check wheel nightly screenshots snapshots reference inspector constraints clean

help:               ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/ready   ## search, reserve, approve and buy a number from the sandbox carrier
	@$(BIN)/ringfence demo

test: .venv/ready   ## run every test but the nightly ones
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/lint   ## formatting, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# The wheel is built from the sdist, so both are proved complete; it runs where no checkout can help it.
wheel: .venv/lint   ## build sdist and wheel, and run the wheel from an environment of its own
	@rm -rf dist build/wheel && $(BIN)/python -m build --outdir dist . >/dev/null
	@$(subst .venv,build/wheel,$(VENV)) && $(subst .venv,build/wheel,$(INSTALL)) $(PINNED) dist/*.whl
	@cd / && "$(CURDIR)/build/wheel/bin/ringfence" demo

nightly: .venv/ready  ## run the tests that take too long for every change
	@$(BIN)/python -m pytest -m nightly --timeout 1800 $(ARGS)

snapshots: .venv/ready  ## write the tools' schemas afresh; the diff is the review
	@$(BIN)/python -m ringfence_server.snapshot
	@$(BIN)/python tests/tools/update_snapshots.py

inspector:          ## install MCP's own Inspector (needs npm); the tests use it when it is there
	@npm install --silent --no-fund --no-audit --prefix build/inspector @modelcontextprotocol/inspector@2.12.0

screenshots: .venv/ready  ## take the approval page's pictures for docs/ afresh; needs chromium
	@PYTHONPATH=tests $(BIN)/python -m approvals.take_screenshots

reference: .venv/ready  ## write docs/reference afresh from the code
	@PYTHONPATH=tests $(BIN)/python -m docs.reference

constraints:        ## pin the newest versions that pyproject.toml allows
	@rm -rf build/pins && $(subst .venv,build/pins,$(VENV))
	@$(subst .venv,build/pins,$(INSTALL)) --editable ".[postgres]" --group dev
	@$(subst .venv,build/pins,$(FREEZE)) | tr 'A-Z_' 'a-z-' | LC_ALL=C sort > constraints.txt

clean:              ## remove everything that make creates
	@rm -rf .venv dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache

# The stamps are newer than these two files exactly when the environment matches them.
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip; ensurepip.version()' 2>/dev/null || command -v uv >/dev/null || \
		{ echo "This Python cannot make environments; on Debian: sudo apt install python3-venv"; exit 1; }
	@$(VENV)
	@$(INSTALL) $(PINNED) --editable . --group test
	@touch $@

.venv/lint: .venv/ready
	@$(INSTALL) $(PINNED) --group lint
	@touch $@
