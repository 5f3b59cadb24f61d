"""Keeping the cache of vectors small: what was unused for longest goes first. Runs in the parent, after a run."""

import sqlite3
from pathlib import Path

_LEFT = 0.8
"""How full the cache is afterwards: so that not every run has to clear away."""
_BUSY_S = 10.0


def evict(path: Path, limit_bytes: int) -> int:
    """Remove the vectors unused for longest until the file is smaller than `limit_bytes`.

    Args:
        path: the cache; nothing happens when there is none.
        limit_bytes: what it may take.

    Returns:
        How many vectors went. A cache that is damaged or busy is left alone: the next run tries again.
    """
    if not path.exists():
        return 0
    connection = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        return _evict(connection, limit_bytes)
    except sqlite3.Error:
        return 0
    finally:
        connection.close()


def _evict(connection: sqlite3.Connection, limit_bytes: int) -> int:
    size = _size(connection)
    if size <= limit_bytes:
        return 0
    (count,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
    excess = min(count, int(count * (1 - _LEFT * limit_bytes / size)) + 1)
    with connection:
        connection.execute(
            "DELETE FROM vectors WHERE key IN (SELECT key FROM vectors ORDER BY used LIMIT ?)", (excess,)
        )
    connection.executescript("PRAGMA incremental_vacuum")  # execute() would free a single page
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return int(excess)


def _size(connection: sqlite3.Connection) -> int:
    (pages,), (free,), (page,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)
