"""Where converted models are kept, and how one is made once by whoever needs it first.

A conversion lies in ``<cache>/openvino/<digest>``: ``model.xml`` and ``model.bin``, ``tokenizer.json``, and
``card.json``, which is there only when the vectors were compared with those of sentence-transformers. It is made in a
process of its own, so that no worker keeps torch in memory, and under a lock, so that only one makes it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from docparse_embed.providers import FoundModel
from docparse_runner import Category, StageError

FORMAT = 1
"""Raised when a conversion of the same model would be another one."""


def converted(found: FoundModel) -> Path:
    """Return the folder of the verified conversion, made now when there is none.

    Raises:
        StageError: of category ``config``: the model cannot be converted, or gives other vectors then.
    """
    if found.cache is None:
        msg = f"the model {found.label} cannot be converted: there is no folder to keep the result in"
        raise StageError(msg, category=Category.CONFIG)
    folder = _folder(found, found.cache)
    if not (folder / "card.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / "card.json").exists():
                _convert(found, folder)
    return folder


def was_refused(found: FoundModel) -> bool:
    """Return whether it was tried before and did not come right."""
    return found.cache is not None and _refusal(_folder(found, found.cache)).exists()


def _folder(found: FoundModel, cache: Path) -> Path:
    return cache / "openvino" / f"{found.digest.partition(':')[2]}-{FORMAT}"


def _refusal(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.refused.json")


def _convert(found: FoundModel, folder: Path) -> None:
    scratch = folder.with_name(f"{folder.name}.part")  # of one that was killed, too: the lock is ours
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    command = [sys.executable, "-m", "docparse_embed.providers._convert", str(found.location), str(scratch)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        shutil.rmtree(scratch, ignore_errors=True)
        reason = (done.stderr.strip().splitlines() or [f"the conversion ended with {done.returncode}"])[-1]
        _refusal(folder).write_text(json.dumps({"model": found.label, "reason": reason}), encoding="utf-8")
        msg = f"the model {found.label} cannot be used with openvino: {reason}"
        raise StageError(msg, category=Category.CONFIG, detail=done.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
    _refusal(folder).unlink(missing_ok=True)
