"""How the stage says that a document is bad."""

from docparse_runner import Category, StageError

AGAIN = "raise it and run again with --retry-quarantined"
"""The remedy for a document that a limit refused."""


def refusal(message: str, *, detail: str = "") -> StageError:
    """Return the failure of a document that cannot be converted: one sentence for the person who owns it."""
    one_line = " ".join(message.split())  # some readers' errors are paragraphs
    return StageError(one_line, category=Category.INPUT, detail=detail)
