"""Rows between stages: JSON Lines, or Parquet where the suffix says so."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from docparse_runner.errors import Category, StageError


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a ``.jsonl`` or ``.parquet`` file.

    Raises:
        StageError: of category ``input`` when a line is not a JSON object or the file is not whole Parquet.
        OSError: the file cannot be read.
    """
    if path.suffix == ".parquet":
        yield from _parquet_rows(path)
        return
    decoder = msgspec.json.Decoder(dict[str, Any])
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                msg = f"line {number} of {path.name} is not a JSON object: {error}"
                raise StageError(msg, category=Category.INPUT) from None


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only Parquet users have it
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's; pyarrow's own, of a damaged file, have no number
        msg = f"{path.name} cannot be read as Parquet: {error}"
        raise StageError(msg, category=Category.INPUT) from None


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSON Lines and return how many; the runner syncs the file when it commits the item."""
    encode = msgspec.json.Encoder().encode
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(encode(row) + b"\n")
            count += 1
    return count
