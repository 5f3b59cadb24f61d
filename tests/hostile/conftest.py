"""Batteries: many cases, of which a seeded tenth runs with the other tests and all of them run under ``-m long``."""

import contextlib
import os
import random
from pathlib import Path

import psutil
import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "battery(name, cases): like parametrize; a tenth of the cases, or all: -m long")


def pytest_generate_tests(metafunc):
    for mark in metafunc.definition.iter_markers("battery"):
        name, cases = mark.args
        metafunc.parametrize(name, with_seeded_tenth(list(cases)))


def with_seeded_tenth(cases):
    """Return a tenth of the cases, the same ones each time, and then all of them marked as long."""
    chosen = random.Random(0).sample(range(len(cases)), -(-len(cases) // 10))
    return [
        *(pytest.param(cases[place], id=id_of(cases[place])) for place in sorted(chosen)),
        *(pytest.param(case, id=f"all-{id_of(case)}", marks=pytest.mark.long) for case in cases),
    ]


def id_of(case):
    return "-".join(str(getattr(part, "name", part)) for part in (case if isinstance(case, tuple) else (case,)))


@pytest.fixture
def left_running(stages, watch):
    """Return a function that returns the processes that runs have left: all stand where their run did, as we do."""

    def find():
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and Path(process.cwd()) == stages:
                    found.append(process)
        return watch.alive(found)

    return find
