"""What ``bench/embed.py`` compares, on which texts, and the most that any of it could reach."""

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
THREADS = 2
SIDE = 2048


def chunk_texts(count: int) -> list[str]:
    """Return chunks of 40 to 200 words out of the documentation; the same every time."""
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))]
    words = re.findall(r"\w+", " ".join(pages))
    dice = random.Random(8)
    starts = [(dice.randrange(len(words) - 300), dice.randint(40, 200)) for _ in range(count)]
    return [" ".join(words[start : start + length]) for start, length in starts]


# --- systems: each opens and yields a function from texts to vectors


@contextmanager
def as_it_comes() -> Iterator[Callable[[list[str]], Any]]:
    """Open what a first script does: one call, every default."""
    import torch  # noqa: PLC0415 - part of what is measured
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - as above

    torch.set_num_threads(THREADS)
    model = SentenceTransformer(str(found(None).location), device="cpu", local_files_only=True)
    yield lambda texts: model.encode(texts, show_progress_bar=False)


def found(cache: Path | None) -> Any:
    """Return the model."""
    from docparse_embed.providers import load_provider  # noqa: PLC0415 - part of what is measured

    return load_provider("auto").find(None, offline=True, cache=cache)


@contextmanager
def ours(name: str, cache: Path) -> Iterator[Callable[[list[str]], Any]]:
    """Open a provider, and encode as the stage does, without a cache."""
    from docparse_embed._checks import check_vectors, stacked  # noqa: PLC0415 - part of what is measured
    from docparse_embed._chunks import Chunks  # noqa: PLC0415 - as above
    from docparse_embed._encode import DocumentEncoder  # noqa: PLC0415 - as above
    from docparse_embed.providers import load_provider  # noqa: PLC0415 - as above

    with load_provider(name).open_encoder(found(cache), device="cpu", threads=THREADS) as encoder:

        def check(rows: Any, names: Any) -> None:
            check_vectors(stacked(rows, names, encoder.dimension), names, normalized=True)

        documents = DocumentEncoder(encoder=encoder, check=check)

        def encode(texts: list[str]) -> Any:
            (encoded,) = documents.encode(
                [Chunks(ids=[str(n) for n in range(len(texts))], texts=texts)], lambda *_: None
            )
            return np.array([parts[0].vector for parts in encoded.rows])  # type: ignore[union-attr]  # no error

        yield encode


@contextmanager
def onnxruntime(cache: Path) -> Iterator[Callable[[list[str]], Any]]:
    """Open the model as fastembed does: onnxruntime in float32, each text alone, one session per thread."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - part of what is measured

    import onnxruntime as ort  # noqa: PLC0415 - as above

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(cache / "model.onnx"), options, providers=["CPUExecutionProvider"])
    tokenizer = cutting_tokenizer()

    def one(text: str) -> Any:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return session.run(None, known)[0][0]

    with ThreadPoolExecutor(THREADS) as pool:
        yield lambda texts: np.array(list(pool.map(one, texts)))


def cutting_tokenizer() -> Any:
    """Return the model's tokenizer, which cuts texts to what the model reads and pads none."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - part of what is measured

    tokenizer = Tokenizer.from_file(str(found(None).location / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    return tokenizer


def export(target: Path) -> None:
    """Write the model for onnxruntime; whether it came right shows in the cosine."""
    import torch  # noqa: PLC0415 - only here
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - as above

    eager = {"attn_implementation": "eager"}
    model = SentenceTransformer(str(found(None).location), device="cpu", local_files_only=True, model_kwargs=eager)

    class Pipeline(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(list(model))

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            features = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
            for part in self.parts:
                features = part(features)
            return features["sentence_embedding"]

    ids = torch.full((2, 9), 5)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "tokens"} for name in names}
    examples = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    torch.onnx.export(Pipeline().eval(), examples, str(target), input_names=names, dynamic_axes=axes, dynamo=False)


def opened(name: str, cache: Path) -> Any:
    """Open a system."""
    if name == "as it comes":
        return as_it_comes()
    return onnxruntime(cache) if name == "onnxruntime" else ours(name, cache)


# --- the most that there is


def bound(folder: Path) -> None:
    """Print what this machine multiplies in float32, and what the model multiplies for a chunk, both in GFLOP."""
    import torch  # noqa: PLC0415 - only here

    torch.set_num_threads(THREADS)
    one, other = torch.rand(2, SIDE, SIDE)
    cpu_s = min(cpu_of(lambda: one @ other) for _ in range(12))
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    config = json.loads((found(None).location / "config.json").read_text(encoding="utf-8"))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    lengths = np.array([len(encoding.ids) for encoding in cutting_tokenizer().encode_batch(texts)])
    # In a layer, a token is multiplied with four matrices of the attention and two behind it, and with each other token
    # twice; a multiplication and its addition are two operations.
    a_text = config["num_hidden_layers"] * lengths * 2 * (4 * hidden**2 + 2 * hidden * inner + 2 * lengths * hidden)
    print(json.dumps({"peak": 2 * SIDE**3 / cpu_s / 1e9, "work": float(a_text.mean()) / 1e9}))


def cpu_of(action: Callable[[], object]) -> float:
    """Return the CPU seconds of this process."""
    began = time.process_time()
    action()
    return time.process_time() - began
