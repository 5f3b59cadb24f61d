"""What loading a stage costs, seen from a process that has loaded none yet."""

import subprocess
import sys

from docparse_runner.testing._verdict import must

HEAVY = frozenset(
    {"cv2", "datasets", "docling", "easyocr", "faiss", "jax", "lancedb", "matplotlib", "numpy", "onnxruntime"}
    | {"openai", "pandas", "polars", "pyarrow", "ray", "scipy", "sentence_transformers", "sklearn", "spacy"}
    | {"tensorflow", "torch", "transformers"}
)
"""Modules that no stage may import before its worker opens."""

LIMIT_S = 0.3
_TRIES = 3
_PROGRAM = """
import sys, time
import docparse_runner.cli, docparse_runner._plugins, docparse_runner._session, docparse_runner._rows
known = set(sys.modules)
start = time.perf_counter()
docparse_runner._plugins.load_stage(sys.argv[1])
print(time.perf_counter() - start)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - known}))
"""


def loading(stage: str) -> tuple[float, set[str]]:
    """Return (seconds that loading a stage takes, the best of some, and the top-level modules that it imports)."""
    seconds, imported = _loaded(stage)
    for _ in range(_TRIES - 1):
        if seconds >= LIMIT_S:  # perhaps the machine was busy
            seconds = min(seconds, _loaded(stage)[0])
    return seconds, imported


def _loaded(stage: str) -> tuple[float, set[str]]:
    done = called("-c", _PROGRAM, stage)
    must(done.returncode == 0, f"the stage must load: {done.stderr.strip().rpartition(chr(10))[2]}")
    *_printed, seconds, modules = done.stdout.splitlines()
    return float(seconds), set(modules.split())


def called(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments, as another process."""
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
