# Two commands matter: `make run` opens the studio, `make test` proves it. The rest is for those who build it.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin
# On all cores, one thread a process: libraries that spin on every core slow each other down.
FAST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal
HALF := not (gpu or long or slow or browser or realdata)
# Downloads to a slow disk or over a slow line should be waited for, not given up.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --retries 5 --timeout 60

.PHONY: run demo test test-long check format lint types fast bench-cpu bench-gpu bench-data lock clean help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

run: $(VENV)/installed ## install what is missing, fetch the default model, open the page on http://127.0.0.1:7860
	$(BIN)/python -m core.model.prepare
	$(BIN)/python app.py $(ARGS)

demo: $(VENV)/installed ## the whole way in the terminal: clean, train, judge, ask; fails if the model did not learn
	$(BIN)/python -m core.demo $(ARGS)

# The fast half on all cores, then one by one what needs a browser, real weights or honest timings. pytest ends with 5
# where ARGS leave nothing to run in one of the halves.
test: $(VENV)/installed-dev browser ## everything but the long and the GPU tests (under 25 minutes on two cores)
	$(BIN)/python -m core.model.prepare
	$(FAST) -m "$(HALF)" $(ARGS) || test $$? -eq 5
	$(BIN)/python -m pytest --durations=15 -m "not (gpu or long) and (slow or browser or realdata)" $(ARGS) || test $$? -eq 5

test-long: $(VENV)/installed-dev browser ## walks and series of kills that take minutes each
	$(BIN)/python -m core.model.prepare
	$(BIN)/python -m pytest --durations=0 -m "long and not gpu" $(ARGS)

check: $(VENV)/installed-dev lint types fast ## lint, types and the fast tests (under 90 seconds on two cores)

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

fast:
	$(FAST) -m "$(HALF) and not thorough" $(ARGS)

format: $(VENV)/installed-dev ## put every file into the house form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-cpu: $(VENV)/installed ## training speed without a GPU, against a plain loop in the same run
	$(BIN)/python -m core.training.bench $(ARGS)

bench-gpu: $(VENV)/installed-dev ## training speed on this GPU: plain notebook, Unsloth notebook, our plan
	$(BIN)/python -m tests.gpu.bench_gpu $(ARGS)

bench-data: $(VENV)/installed-dev ## cleaning speed step by step, 10k to 1M rows
	$(BIN)/python tests/benchmarks/bench_dataset.py $(ARGS)

lock: ## pin what requirements.txt resolves to today (in a fresh environment)
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-lock/bin/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt
	$(VENV)-lock/bin/python -m pip freeze --exclude pip --exclude setuptools > requirements.lock
	rm -rf $(VENV)-lock

clean: ## remove the environment and what the tests wrote (your data stays)
	rm -rf $(VENV) test-output .mypy_cache .ruff_cache .pytest_cache

# The lock serves as constraints, so that everybody gets the versions the tests ran with.
$(VENV)/installed: requirements.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "MedFT Studio needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV): about 3 minutes and 7 GB, once."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) -c requirements.lock -r requirements.txt
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(PIP) -c requirements.lock -r requirements-dev.txt
	@touch $@

.PHONY: browser
browser: $(VENV)/installed-dev
	$(BIN)/python -m tests.browser.chromium
