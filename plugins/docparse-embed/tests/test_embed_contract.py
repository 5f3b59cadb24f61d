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
OPTIONS = {"provider": "sentence-transformers"}  # what is tested is not whether a model can be converted
CHANGES = {"families": ("lexical",)}  # sparse ones need a model


@pytest.mark.long  # each worker of a dozen imports torch
class TestContract(StageContract):
    stage = "embed"
    documents = DOCUMENTS
    deterministic = False  # the last bits of a vector depend on the threads
    options = OPTIONS
    changes = CHANGES
    timeout_s = 10.0
