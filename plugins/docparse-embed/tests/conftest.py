import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

import docparse_embed
from docparse_embed import Options
from docparse_embed.providers import sentence_transformers as provider
from docparse_runner import StageContext, StageOptions, WorkItem

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")

TINY_DIMENSION = 16


@pytest.fixture(scope="session")
def minilm():
    """The model of the extra `bundled`, open."""
    found = provider.find(None, offline=True, cache=None)
    with provider.open_encoder(found, device="cpu", threads=1) as encoder:
        yield encoder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    """A model of another dimension whose vectors have any length, small enough to load in no time."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - imports torch
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding  # noqa: PLC0415 - imports torch
    from tokenizers import Tokenizer  # noqa: PLC0415 - imports torch
    from tokenizers.models import WordLevel  # noqa: PLC0415 - imports torch
    from tokenizers.pre_tokenizers import Whitespace  # noqa: PLC0415 - imports torch

    words = ["[UNK]", "duck", "bill", "feather", "ledger", "invoice"]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=TINY_DIMENSION)], device="cpu").save(
        str(folder)
    )
    return folder


@pytest.fixture
def data_root(tmp_path: Path) -> SimpleNamespace:
    return SimpleNamespace(root=tmp_path / "data", cache=tmp_path / "data" / ".cache")


@pytest.fixture
def make_context(data_root) -> Callable[..., StageContext]:
    """What the runner gives the stage: its options resolved, and `dry_run` of the runner."""

    def make(*, dry_run: bool = False, resolve: bool = True, **options: object) -> StageContext:
        context = StageContext(
            stage=docparse_embed.docparse_stage(),
            options=Options(**options),
            runner=StageOptions(dry_run=dry_run),
            workspace=data_root,
            threads=1,
        )
        if resolve:
            context.resolved = docparse_embed.docparse_resolve(context)
        return context

    return make


@pytest.fixture
def make_item(tmp_path: Path) -> Callable[..., WorkItem]:
    """One document: its chunks on disk, and where its vectors go."""

    def make(rows: list[dict], name: str = "papers/duck.pdf") -> WorkItem:
        chunks = tmp_path / "chunks" / f"{name}.chunks.jsonl"
        vectors = tmp_path / "staging" / f"{name}.vectors.parquet"
        for path in (chunks, vectors):
            path.parent.mkdir(parents=True, exist_ok=True)
        chunks.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return WorkItem(item_id=name, inputs={"chunks": chunks}, outputs={"embeddings": vectors})

    return make


@pytest.fixture
def rows() -> list[dict]:
    texts = [
        "The duck is a bird with a broad bill.",
        "An invoice lists what was delivered and what it costs.",
        "Ducks eat plants, insects and small fish.",
    ]
    return [
        {"chunk_id": f"c{n}", "doc_id": "papers/duck.pdf", "text": text, "contextualized_text": f"Birds\n{text}"}
        for n, text in enumerate(texts)
    ]
