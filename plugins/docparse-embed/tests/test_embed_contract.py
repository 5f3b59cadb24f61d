"""The stage keeps the contract of every stage."""

import json

import pytest

from docparse_runner.testing import StageContract


def chunks(doc_id, *texts):
    rows = [
        {"chunk_id": f"{doc_id}#{seq}", "doc_id": doc_id, "text": text, "contextualized_text": text}
        for seq, text in enumerate(texts)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


DOCUMENTS = {"duck.pdf": chunks("docs/duck.pdf", "A bird."), "pump.md": chunks("docs/pump.md", "Close the valve.")}


@pytest.mark.long  # each worker of a dozen imports torch
class TestContract(StageContract):
    stage = "embed"
    documents = DOCUMENTS
    deterministic = False  # the last bits of a vector depend on the threads
    timeout_s = 10.0
