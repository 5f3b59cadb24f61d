import json
import sys
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

sys.path.append(str(Path(__file__).parent))  # for embed_*.py: --import-mode=importlib adds no folders

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
    root = tmp_path / "data"
    return SimpleNamespace(root=root, cache=root / ".cache", runs=root / "runs")


@pytest.fixture
def make_context(data_root) -> Callable[..., StageContext]:
    """What the runner gives the stage: its options resolved, and `dry_run` of the runner."""

    def make(
        *, dry_run: bool = False, resolve: bool = True, provider: str = "sentence-transformers", **options: object
    ) -> StageContext:
        context = StageContext(
            stage=docparse_embed.docparse_stage(),
            options=Options(provider=provider, **options),
            runner=StageOptions(dry_run=dry_run),
            workspace=data_root,
            threads=1,
            run_id="run",
        )
        context.logger.setLevel("INFO")
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


@pytest.fixture(scope="session")
def splade_folder(tmp_path_factory) -> Path:
    """A sparse model with random weights, small enough to load in no time: 60 words, of which it keeps 8."""
    import torch  # noqa: PLC0415 - heavy
    from sentence_transformers import SparseEncoder  # noqa: PLC0415 - imports torch
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling  # noqa: PLC0415 - as above
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast  # noqa: PLC0415 - as above

    folder = tmp_path_factory.mktemp("models") / "splade"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "duck", "bill", "feather", "ledger", "invoice"]
    words += [f"word{number}" for number in range(50)]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(words), max_position_embeddings=32, **small)
    BertForMaskedLM(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)
    modules = [MLMTransformer(str(folder)), SpladePooling(pooling_strategy="max")]
    target = folder.with_name("tiny-splade")
    SparseEncoder(modules=modules, device="cpu", max_active_dims=8).save_pretrained(str(target))
    return target


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """A transformer with random weights, pooling and normalisation, as small as that."""
    import torch  # noqa: PLC0415 - heavy
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - imports torch
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer  # noqa: PLC0415
    from transformers import BertConfig, BertModel, BertTokenizerFast  # noqa: PLC0415 - as above

    folder = tmp_path_factory.mktemp("models") / "bert"
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{c}" for c in "aeioubckst"),
    ]
    words += ["duck", "bill", "feather", "ledger", "invoice", "the", "of"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **small)).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    transformer = Transformer(str(folder))
    target = folder.with_name("tiny-bert")
    prompts = {"query": "the bill ", "document": "the duck "}
    modules = [transformer, Pooling(32), Normalize()]
    SentenceTransformer(modules=modules, device="cpu", prompts=prompts).save(str(target))
    return target


@pytest.fixture
def read_vectors() -> Callable[[Path], SimpleNamespace]:
    """A file of vectors, as columns, and its footer."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - the other tests read it themselves

    def read(path: Path) -> SimpleNamespace:
        table = pq.read_table(path)
        return SimpleNamespace(table=table, footer=json.loads(table.schema.metadata[b"docparse"]), **table.to_pydict())

    return read
