"""What the machine offers: Python, cores, memory, accelerators; found without importing a heavy library."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil

from docparse_runner._checkup import Finding, Level, size
from docparse_runner.executors.processes import devices

_LITTLE_MEMORY = 512 * 1024**2
_DRIVER_ANSWERS_S = 1.0
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def machine() -> Iterator[Finding]:
    """Yield what Python, the processors, the memory and the accelerators are."""
    yield _python()
    yield _cores()
    yield _memory()
    yield _devices()
    yield from _torch()


def _python() -> Finding:
    version, where = platform.python_version(), platform.platform()
    text = f"{platform.python_implementation()} {version} on {where} ({platform.machine()})"
    return Finding(topic="python", text=text, data={"version": version, "platform": where})


def _cores() -> Finding:
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    told = {name: os.environ[name] for name in _THREADS if name in os.environ}
    text = f"{usable} of {total} may be used; {min(4, total)} workers unless --workers says otherwise"
    text += "".join(f"; {name}={value}" for name, value in told.items())
    return Finding(topic="cores", text=text, data={"total": total, "usable": usable, "variables": told})


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    is_little = memory.available < _LITTLE_MEMORY
    return Finding(
        topic="memory",
        text=f"{size(memory.available)} of {size(memory.total)} available",
        level=Level.FIX if is_little else Level.OK,
        remedy="end other programs, or run with --workers 1" if is_little else "",
        data={"total": memory.total, "available": memory.available},
    )


def _devices() -> Finding:
    numbers, names = devices(), _gpu_names()
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        names = ["Apple GPU (mps)"]
    text = ", ".join(names or [f"nvidia device {number}" for number in numbers]) or "none; the cores do the work"
    if names and not numbers and "CUDA_VISIBLE_DEVICES" in os.environ:
        text += "; hidden by CUDA_VISIBLE_DEVICES"
    return Finding(topic="devices", text=text, data={"numbers": numbers, "names": names})


def _gpu_names() -> list[str]:
    """Return the models of the NVIDIA devices, from the driver's files or else from its tool."""
    told = [path.read_text(errors="replace") for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]
    if found := [match[1].strip() for text in told if (match := re.search(r"^Model:(.*)$", text, re.MULTILINE))]:
        return found
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_ANSWERS_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in asked.stdout.splitlines() if line.strip()] if asked.returncode == 0 else []


def _torch() -> Iterator[Finding]:
    """Yield which torch is installed; its metadata is read, it is not imported."""
    if importlib.util.find_spec("torch") is None:
        return
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        version = "of unknown version"
    is_idle = version.endswith("+cpu") and bool(devices())
    yield Finding(
        topic="torch",
        text=f"torch {version}" + (", which cannot use the device that is here" if is_idle else ""),
        level=Level.NOTE if is_idle else Level.OK,
        remedy="install a torch built for CUDA if stages are to use it" if is_idle else "",
        data={"version": version},
    )
