"""The stage keeps the contract of every stage."""

import json

from docparse_runner.testing import StageContract


def document(*texts):
    items = [
        {"self_ref": f"#/texts/{place}", "label": "text", "children": [], "text": text, "prov": []}
        for place, text in enumerate(texts)
    ]
    body = {"self_ref": "#/body", "children": [{"$ref": item["self_ref"]} for item in items]}
    made = {"schema_name": "DoclingDocument", "version": "1.10.0", "name": "made", "body": body, "texts": items}
    return json.dumps(made)


DOCUMENTS = {"duck.pdf": document("The duck is a bird.", "It swims."), "pump.md": document("Close both valves.")}


class TestContract(StageContract):
    stage = "chunk"
    documents = DOCUMENTS
