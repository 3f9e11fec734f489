# `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
export PYTHONPATH := .

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: install
install: $(INSTALLED) ## set up the environment in .venv

$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: chromium
chromium: ## install the browser that the page tests drive (Debian or Ubuntu, as root)
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-noto-core >/dev/null)

.PHONY: demo
demo: install ## run everything with sample data and the simulator
	$(BIN)/mime demo

.PHONY: check
check: install ## formatting, lint, types, import contracts, questionnaires
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mime lint

.PHONY: test
test: install chromium check ## set up and run all checks and tests, two at a time
	$(BIN)/pytest --numprocesses 2 --dist worksteal

.PHONY: crash
crash: install ## kill -9 the program 100 times under load, on both databases
	MIME_CRASH_ROUNDS=100 $(BIN)/pytest tests/test_crash.py -s

.PHONY: storm
storm: install ## 100,000 messages against providers that fail in every way, on both databases (half an hour)
	MIME_STORM=100000 MIME_STORM_TIMES=4 $(BIN)/pytest tests/test_storm.py -s

.PHONY: races
races: install ## 500 people ask for the last 20 places at once, on both databases and in two processes
	MIME_RACES=500 $(BIN)/pytest tests/test_places.py -s

.PHONY: cluster
cluster: install ## PostgreSQL with a standby and three replicas: 50 kills and cuts, and 5 failovers
	MIME_CLUSTER_FAULTS=50 MIME_CLUSTER_FAILOVERS=5 $(BIN)/pytest tests/test_cluster.py -s

.PHONY: walks
walks: install ## 200,000 random inputs through every questionnaire
	MIME_WALKS=200000 $(BIN)/pytest tests/flows/test_walk.py tests/bot/test_walk.py

.PHONY: bench
bench: install ## measure; prints a table and writes bench.json
	$(BIN)/mime bench --output bench.json

.PHONY: understanding
understanding: install ## how well people are understood, in each language
	$(BIN)/python -m tests.understanding

.PHONY: golden
golden: install ## write the golden conversations anew; the diff is the review
	UPDATE_GOLDEN=1 $(BIN)/pytest tests/flows/test_transcripts.py

.PHONY: locales
locales: install ## bring the catalogues up to date with the texts
	$(BIN)/pybabel -q extract -F pyproject.toml -o locales/flows.pot --project=mime --version=1 --copyright-holder="the mime project" --ignore-dirs ".venv .git tests" .
	for file in locales/*/LC_MESSAGES/flows.po; do \
		language=$$(basename $$(dirname $$(dirname $$file))); \
		$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete -D flows -i locales/flows.pot -o $$file -l $${language%%-*}; \
	done

.PHONY: lock
lock: install ## pin the newest packages with their hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --generate-hashes --universal --no-header --no-emit-index-url --python-version 3.11 --upgrade -o requirements.lock
