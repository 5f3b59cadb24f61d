# `make demo` and `make test` do all of their own set-up; they need Python 3.11 or later, pip and make.
PYTHON ?= python3

.PHONY: help demo test test-long docs clean

help:
	@echo "make demo       install everything into .venv-demo, run the pipeline on samples/, search it"
	@echo "make test       lint, types, all tests and the docs, as CI runs them"
	@echo "make test-long  the long batteries, and the built wheels in empty environments"
	@echo "make docs       the documentation as HTML, in site/"
	@echo "make clean      remove what these made"

demo:
	@$(PYTHON) tools/setup.py demo --disk-gb 4
	@.venv-demo/bin/python tools/demo.py

test:
	@$(PYTHON) tools/setup.py test --disk-gb 6
	@.venv-test/bin/tox run
	@echo "left out: tox -e system (browser, LibreOffice, servers), tox -m matrix (other interpreters, lowest dependencies),"
	@echo "          make test-long (long batteries, the wheels in empty environments)"

test-long:
	@$(PYTHON) tools/setup.py test --disk-gb 10
	@.venv-test/bin/tox run -e long

docs:
	@$(PYTHON) tools/setup.py test --disk-gb 1
	@.venv-test/bin/tox run -e site

clean:
	rm -rf .venv-demo .venv-test .tox .demo-data build dist site
