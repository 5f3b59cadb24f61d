"""Embedding: the stage's encoders against sentence-transformers as it comes, on the same chunks with the same model.

Each system encodes all chunks in a process of its own, one after the other. On a shared machine trust the CPU seconds.
The bound is what the machine would reach if it did nothing but the model's float32 products, without padding and as
fast as it multiplies large matrices; half precision, where the processor has it, may pass it.

    python bench/embed.py                 # everything, 640 chunks
    python bench/embed.py --chunks 160 --only sentence-transformers,openvino
"""

import argparse
import json
import logging
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
from embed_systems import THREADS, bound, chunk_texts, cpu_of, export, found, opened

SYSTEMS = ("as it comes", "sentence-transformers", "openvino", "onnxruntime")
CACHED = 20_000
A_DOCUMENT = 20


# --- measuring


def measure(name: str, folder: Path, repeats: int) -> None:
    """Encode all chunks in this process and print what it took; the vectors go to a file."""
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    began = time.perf_counter()
    with opened(name, folder) as encode:
        encode(texts[:1])
        cold_s, runs = time.perf_counter() - began, []
        cold_cpu_s = time.process_time()
        for _ in range(repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            vectors = encode(texts)
            runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    np.save(folder / f"{name}.npy", vectors)
    wall_s, cpu_s = (min(values) for values in zip(*runs, strict=True))
    peak = psutil.Process().memory_info().rss
    print(json.dumps({"wall": wall_s, "cpu": cpu_s, "cold": cold_s, "cold_cpu": cold_cpu_s, "rss": peak}))


def in_a_process(arguments: Sequence[str]) -> dict[str, float] | None:
    """Run this script for one system; None when it does not work here."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{arguments[1]}: left out: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        return None
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def compare(names: Sequence[str], folder: Path, count: int, repeats: int) -> None:
    """Measure the systems and print a table, as ratios to the first and to the bound."""
    known = in_a_process(["--system", "bound", "--folder", str(folder)]) or {"peak": float("nan"), "work": 1.0}
    most = known["peak"] / known["work"]
    print(f"bound: {known['peak']:.1f} GFLOP per CPU s, {known['work']:.2f} GFLOP a chunk: {most:.1f} chunks/CPU s")
    heads = f"{'chunks/s':>9}{'x wall':>8}{'chunks/CPU s':>14}{'x CPU':>7}{'of bound':>9}"
    heads += f"{'min cos':>9}{'cold s (CPU)':>15}{'MB':>6}"
    print(f"{'':24}{heads}")
    first: dict[str, float] = {}
    for name in names:
        result = in_a_process(["--system", name, "--folder", str(folder), "--repeats", str(repeats)])
        if result is None:
            continue
        first = first or result
        expected, vectors = (np.load(folder / f"{each}.npy") for each in (names[0], name))
        cosine = float((expected * vectors).sum(axis=1).min())
        rates = f"{count / result['wall']:9.1f}{first['wall'] / result['wall']:8.2f}"
        rates += f"{count / result['cpu']:14.1f}{first['cpu'] / result['cpu']:7.2f}{count / result['cpu'] / most:9.2f}"
        cold = f"{result['cold']:.2f} ({result['cold_cpu']:.2f})"
        print(f"{name:24}{rates}{cosine:9.5f}{cold:>15}{result['rss'] / 2**20:6.0f}", flush=True)


# --- the stage around its encoder


def stage(folder: Path, texts: list[str], name: str) -> None:
    """Print what the stage adds to its provider, what an edit costs, and how fast the cache is."""
    with worker(folder, provider=name, cache=False) as (embed, encoder):
        few = texts[: 8 * A_DOCUMENT]
        documents = [few[start : start + A_DOCUMENT] for start in range(0, len(few), A_DOCUMENT)]
        spent: dict[str, list[float]] = {"bare": [], "stage": []}
        for _ in range(3):
            spent["bare"].append(cpu_of(lambda: [encoder.encode_documents(each) for each in documents]))
            items = [item_of(folder, f"d{n}", each) for n, each in enumerate(documents)]
            spent["stage"].append(cpu_of(lambda items=items: [embed([item]) for item in items]))
    bare, whole = (min(spent[name]) for name in ("bare", "stage"))
    print(f"stage over bare {name}: {100 * (whole / bare - 1):+.1f} % of CPU ({bare:.1f} s bare)")
    edited(folder, texts, name)
    from_the_cache(folder, name)


def edited(folder: Path, texts: list[str], name: str) -> None:
    """Print how many chunks are encoded again after 1 % of them changed."""
    changed = [f"{text} edited" if n % 100 == 0 else text for n, text in enumerate(texts)]
    with worker(folder, provider=name) as (embed, _encoder):
        embed([item_of(folder, "whole", texts)])
        metrics = embed([item_of(folder, "whole", changed)])[0].metrics
    wanted = sum(old != new for old, new in zip(texts, changed, strict=True))
    print(f"1 % edited: {wanted} of {len(texts)} chunks changed, {metrics['encoded']} encoded")


def from_the_cache(folder: Path, name: str) -> None:
    """Print how fast documents are that the cache knows whole."""
    from docparse_embed._cache import Entry, Identity, open_cache  # noqa: PLC0415 - only here

    texts = [f"chunk number {n} of many that the cache knows " * 15 for n in range(CACHED)]
    model = found(folder)
    rows = np.random.default_rng(0).normal(size=(CACHED, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with open_cache(
        folder / ".cache" / "vectors.sqlite", Identity(model_digest=model.digest, prompt="", dimension=384)
    ) as cache:
        cache.put({text: Entry(100, row) for text, row in zip(texts, rows, strict=True)})
    items = [item_of(folder, f"c{start}", texts[start : start + 100]) for start in range(0, CACHED, 100)]
    with worker(folder, provider=name) as (embed, _encoder):
        wall, cpu = [], []
        for _ in range(3):
            began = time.perf_counter()
            cpu.append(cpu_of(lambda: [embed([item]) for item in items]))
            wall.append(time.perf_counter() - began)
    print(
        f"full cache hits: {CACHED / min(wall):.0f} chunks/s, {CACHED / min(cpu):.0f} per CPU second (100 a document)"
    )


@contextmanager
def worker(folder: Path, **options: object) -> Iterator[tuple[Any, Any]]:
    """Open the stage's worker without the runner; yields it and its encoder."""
    import docparse_embed  # noqa: PLC0415 - part of what is measured
    from docparse_runner import StageContext  # noqa: PLC0415 - as above

    workspace = SimpleNamespace(root=folder, cache=folder / ".cache", runs=folder / "runs")
    chosen = docparse_embed.Options(**options)  # type: ignore[arg-type]  # any of them
    where: Any = workspace
    context = StageContext(stage=docparse_embed.docparse_stage(), options=chosen, workspace=where, threads=THREADS)
    context.resolved = docparse_embed.docparse_resolve(context)
    with docparse_embed.docparse_worker(context) as embed:
        yield embed, embed.families["dense"].encoder  # type: ignore[attr-defined]  # its own worker


def item_of(folder: Path, name: str, texts: Sequence[str]) -> Any:
    """Write a document's chunks and return its item."""
    from docparse_runner import WorkItem, write_rows  # noqa: PLC0415 - as above

    chunks, vectors = folder / f"{name}.chunks.jsonl", folder / f"{name}.vectors.parquet"
    write_rows(chunks, ({"chunk_id": f"{name}-{n}", "doc_id": name, "text": text} for n, text in enumerate(texts)))
    return WorkItem(item_id=name, inputs={"chunks": chunks}, outputs={"embeddings": vectors})


def main() -> None:
    """Measure everything, or one system in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=640)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", default=",".join(SYSTEMS[1:]), help="systems, beside the one that comes first")
    parser.add_argument("--system", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.system == "bound":
        bound(given.folder)
    elif given.system == "export":
        export(given.folder / "model.onnx")
        print("{}")
    elif given.system:
        measure(given.system, given.folder, given.repeats)
    else:
        everything(given)


def everything(given: argparse.Namespace) -> None:
    """Compare the systems, then measure the stage."""
    logging.disable(logging.WARNING)  # of chunks that are cut, which is not the subject here
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    half = sorted(flags & {"amx_bf16", "avx512_bf16", "avx512_fp16"}) or "none"
    print(f"{given.chunks} chunks, {THREADS} threads; instructions for half precision: {half}")
    texts = chunk_texts(given.chunks)
    names = ["as it comes", *given.only.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
        if "onnxruntime" in names and in_a_process(["--system", "export", "--folder", scratch]) is None:
            names.remove("onnxruntime")
        if "openvino" in names:
            in_a_process(["--system", "openvino", "--folder", scratch, "--repeats", "1"])  # converts
        compare(names, folder, given.chunks, given.repeats)
        stage(folder, texts, names[-1] if names[-1] in SYSTEMS[1:3] else names[1])


if __name__ == "__main__":
    main()
