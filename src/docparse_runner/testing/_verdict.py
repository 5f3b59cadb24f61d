"""How the contract fails: with a sentence for the stage's author, without a traceback of ours."""

from typing import NoReturn

import pytest


def must(condition: object, what: str) -> None:
    """Fail with a sentence that says what a stage must do, unless the condition holds."""
    if not condition:
        refuse(what)


def refuse(what: str) -> NoReturn:
    """Fail with a sentence that says what a stage must do."""
    raise pytest.fail.Exception(what, pytrace=False) from None
