"""Tell the libraries that fetch models to stay off the network."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
"""Read by these libraries when they are imported; worker processes inherit them."""


@contextmanager
def network(*, allowed: bool) -> Iterator[None]:
    """Set the variables meanwhile, unless the network is `allowed`."""
    before = {} if allowed else {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
