"""Importing docling without the heavy libraries that it would load and not use."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any, cast


@contextmanager
def without_modules(*names: str) -> Iterator[None]:
    """Make ``import NAME`` fail inside the block, unless the module is loaded already.

    docling's data model imports transformers and torch where they are installed, for the sake of type annotations, and
    does without them where they are not. No engine here uses them, and without them a worker starts in 1.5 s instead of
    3.4 and takes 200 MB less (measured with docling-slim 2.142.1 and torch 2.13).
    """
    with in_place_of(dict.fromkeys(names)):  # None makes the import raise ModuleNotFoundError
        yield


@contextmanager
def later_modules(*names: str) -> Iterator[None]:
    """Let modules that are imported inside the block be loaded when something of them is used after it.

    docling-core imports pandas for the return type of one method, and docling imports ``scipy.ndimage`` for the OCR of
    its standard pipeline: together a third of what the engine ``native`` imported. What is taken out of such a module
    inside the block (an annotation, ``from NAME import function``) is a function that calls the real one.
    """
    modules = {name: _LaterModule(name) for name in names}
    with in_place_of(modules):
        yield
    for module in modules.values():
        vars(module)["_load"] = True


@contextmanager
def in_place_of(given: dict[str, Any]) -> Iterator[None]:
    """Let ``import`` find these inside the block, unless a module of the name is loaded already."""
    modules = cast("dict[str, Any]", sys.modules)
    placed = {name: module for name, module in given.items() if name not in modules}
    modules.update(placed)
    try:
        yield
    finally:
        for name in placed:
            del modules[name]


class _LaterModule(ModuleType):
    _load = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _taken(self.__name__, name) if self._load else partial(_called, self.__name__, name)


def _taken(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _called(module: str, name: str, *args: Any, **kwargs: Any) -> Any:
    return _taken(module, name)(*args, **kwargs)
