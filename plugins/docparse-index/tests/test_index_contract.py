"""The stage keeps the contract of every stage."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from docparse_runner.testing import StageContract


def document(doc_id, *texts):
    ids = [f"{doc_id}#{seq}" for seq in range(len(texts))]
    rows = [
        {"chunk_id": ids[seq], "doc_id": doc_id, "seq": seq, "text": text, "contextualized_text": text}
        | {"headings": [], "captions": [], "kinds": ["text"], "pages": [1], "boxes": [], "n_tokens": 2}
        | {"schema_version": 1}
        for seq, text in enumerate(texts)
    ]
    footer = {"schema_version": 1, "dimension": 2, "model": "noise", "model_digest": "sha256:noise"}
    footer |= {"provider": "not-installed", "normalized": True}
    dense = pa.FixedSizeListArray.from_arrays(pa.array(np.tile(np.float32([1, 0]), len(texts))), 2)
    table = pa.table({"chunk_id": pa.array(ids), "dense": dense})
    vectors = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"docparse": json.dumps(footer)}), vectors)
    return {"chunks": "".join(json.dumps(row) + "\n" for row in rows), "embeddings": vectors.getvalue()}


DOCUMENTS = {
    "duck.pdf": document("docs/duck.pdf", "A bird.", "It swims."),
    "pump.md": document("docs/pump.md", "A pump."),
}


class TestContract(StageContract):
    stage = "index"
    documents = DOCUMENTS
    revised = document("docs/duck.pdf", "A bird that flies.")
    folders = ("index",)
    deterministic = False  # a receipt names the store
    timeout_s = 3.0
