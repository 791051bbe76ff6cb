# `make demo` and `make test` each work alone on a fresh clone: they need make and Python 3.11 to 3.14,
# build the virtual environment .venv themselves and install with the exact versions of constraints.txt.

VENV ?= .venv
OUT ?= demo
DEMO_FLAGS ?=
PYTEST_FLAGS ?= --numprocesses 2 --dist loadfile

# A stamp names the files it was installed from, so that a change of either installs again.
KEY := $(shell cat pyproject.toml constraints.txt | cksum | cut -d ' ' -f 1)
FOR_DEMO := $(VENV)/.installed-demo-$(KEY)
FOR_TEST := $(VENV)/.installed-test-$(KEY)
BIN := $(VENV)/bin

# The first interpreter that is new enough and can make a virtual environment; PYTHON=... overrides.
SUITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(SUITS)' >/dev/null 2>&1 && echo $$p && break; done)
INSTALL = $(BIN)/python -m pip install -qq --no-compile --constraint constraints.txt

# Python compiles a module when it is first imported: faster than compiling all of them while installing, as long
# as it may keep the result.
export PYTHONDONTWRITEBYTECODE :=

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check bench clean

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

demo: $(FOR_DEMO)  ## the whole way at small size, from rendering to a measured model; then open demo/index.html
	$(BIN)/python pipelines/demo.py $(DEMO_FLAGS) --out $(OUT)

test: check  ## all checks: format, lint, types, imports, tests
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

check: $(FOR_TEST)  ## the checks that run no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(FOR_DEMO)  ## the virtual environment .venv with what rendering, curation, training and S3 need, and no more

bench: $(FOR_DEMO)  ## measure rendering's speed and memory; SMALLPRINT_DATA names the folder of real photos
	$(BIN)/python tests/bench/bench_render.py

clean:  ## remove the environment, the demo and every cache
	rm -rf $(VENV) $(OUT) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(FOR_DEMO): | $(BIN)/pip
	@echo 'Installing what rendering and curation need, and PyTorch to train with, into $(VENV): a minute or two.'
	$(INSTALL) --editable '.[ocr,s3,train]'
	@touch $@

$(FOR_TEST): | $(BIN)/pip
	@echo 'Installing everything the tests need into $(VENV): a minute or two.'
	$(INSTALL) --editable '.[ocr,paddle,heads,train,s3,dev]'
	@# paddleocr brings the OpenCV wheel that needs a screen's libraries; the last one written is the one imported.
	$(INSTALL) --force-reinstall --no-deps opencv-python-headless
	@touch $@ $(FOR_DEMO)

# The pinned pip resolves three times faster than the one older Pythons bring.
$(BIN)/pip:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 to 3.14 with the venv module was found.' \
		'Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) --upgrade pip
