"""The stage keeps the contract of every stage."""

import pytest

from docparse_runner.testing import StageContract

DOCUMENTS = {
    "tide.md": "# Tides\n\nThe harbour gauge has recorded the tide every hour since 1911.\n",
    "page.html": "<!doctype html><html><body><h1>Tides</h1><p>High water at noon.</p></body></html>",
}


@pytest.mark.long  # each worker of a dozen imports docling
class TestContract(StageContract):
    stage = "doctags"
    documents = DOCUMENTS
    timeout_s = 6.0
