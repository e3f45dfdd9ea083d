# One command each: `make help` lists them. Everything they make lies in .venv/ and _build/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# What the linters read.
SOURCES := course_lib tools tests benchmarks data/scripts book conftest.py
# Tests that know nothing of a backend run once; the rest run on TensorFlow and on JAX.
ONCE := test_build test_environment test_notebooks test_site test_data test_documents test_handouts \
  test_slides test_usb test_circumstances test_classroom test_teaching test_quizzes test_prerequisites

# Benchmarks that need the full data sets run when they are named.
BENCH ?= $(addprefix benchmarks/,convolution.py neural_networks.py recurrence.py attention.py \
  saliency.py local_explanations.py coding.py edge.py hardware.py distributed_training.py)

# TensorFlow is told to be quiet before it starts, and everything runs on shipped data by default.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export COURSE_SIZE ?= small
# Text is UTF-8, whatever the locale.
export PYTHONUTF8 ?= 1
# Tests run two at a time, notebooks three, and small matrices and tables gain nothing from threads:
# those of NumPy and of scikit-learn's trees would only wait for each other. (A logistic regression
# took thirty times as long; ten boosted forests took half a minute instead of a second.)
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1
# Warnings of other packages' own code say nothing about the course.
export PYTHONWARNINGS ?= ignore::DeprecationWarning

.DEFAULT_GOAL := help
.PHONY: help book full pdf handouts slides lab test lint unit unit-jax notebooks site-tests bench refresh usb install clean

help: ## list the commands
	@echo "Commands (each sets up what it needs):"
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

book: $(INSTALLED) ## run the notebooks that changed and build the site
	@$(BIN)/python -m tools.book --size $(COURSE_SIZE)

full: $(INSTALLED) ## the same book on the full data sets (hours; a GPU helps)
	@$(BIN)/python -m tools.book --size full

pdf: $(INSTALLED) ## the whole book as one PDF
	@$(BIN)/python -m tools.pdf --size $(COURSE_SIZE)

handouts: $(INSTALLED) ## notebooks for students without solutions, and the teacher's edition
	@$(BIN)/python -m tools.handouts

slides: $(INSTALLED) ## a deck a chapter, to show without a network (DECK=book/... for one)
	@$(BIN)/python -m tools.slides --size $(COURSE_SIZE) $(DECK)

lab: $(INSTALLED) ## open the book in JupyterLab
	@JUPYTER_PREFER_ENV_PATH=1 $(BIN)/jupyter lab --notebook-dir=.

test: $(INSTALLED) ## lint, unit tests, notebooks and the site in a browser
	@start=$$(date +%s); \
	for step in lint unit unit-jax notebooks book site-tests; do \
	  printf '\n== %s\n' "$$step"; \
	  $(MAKE) --no-print-directory $$step || failed="$$failed $$step"; \
	done; \
	printf '\n== %s s\n' "$$(( $$(date +%s) - start ))"; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi; \
	echo "All passed."

lint: $(INSTALLED) ## style of code and notebooks
	@$(BIN)/ruff check $(wildcard $(SOURCES))
	@$(BIN)/ruff format --check $(wildcard $(SOURCES))
	@$(BIN)/python -m tools.lint_notebooks

unit: $(INSTALLED) ## unit tests on TensorFlow
	@KERAS_BACKEND=tensorflow $(BIN)/pytest -n 2 --dist worksteal -m "not browser" tests

unit-jax: $(INSTALLED) ## unit tests on JAX
	@KERAS_BACKEND=jax $(BIN)/pytest -n 2 --dist worksteal -m "not browser" \
	  $(foreach name,$(ONCE),--ignore=tests/$(name).py) tests

notebooks: $(INSTALLED) ## run every notebook against its stored outputs, and keep them for `book`
	@$(BIN)/pytest --nbval --nbval-current-env -n 3 --dist loadfile --no-loadscope-reorder book

site-tests: book slides ## the built site and the slides in headless Chromium
	@$(BIN)/pytest -n 2 --dist worksteal -m browser tests

bench: $(INSTALLED) ## ours beside the reference, in one run (BENCH=benchmarks/... for one)
	@set -e; for script in $(BENCH); do printf '\n== %s\n' "$$script"; $(BIN)/python $$script; done

refresh: $(INSTALLED) ## re-run and strip notebooks in place (NOTEBOOK=book/... for one)
	@$(BIN)/python -m tools.refresh $(NOTEBOOK)

usb: $(INSTALLED) ## fill a stick for laptops without a network (USB=/media/stick)
	@test -n "$(USB)" || { echo "Name the stick's folder: make usb USB=/media/stick"; exit 1; }
	@$(BIN)/python -m tools.usb "$(USB)"

install: $(INSTALLED) ## only set up .venv

# pip compiles byte code, without which TensorFlow takes three times as long to start.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), but this course needs Python 3.11 to 3.13."; \
	  echo "Name another one, such as: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || { echo "Creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what requirements.lock names (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation -e .
	@touch $@

clean: ## remove everything that was built, .venv too
	rm -rf $(VENV) _build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
