"""Files of chunks: JSON Lines or Parquet, the same rows in both; the same rows give the same bytes."""

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from docparse_chunk._row import SCHEMA_VERSION, ChunkRow
from docparse_runner import Category, StageError, read_rows, write_rows

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = ".parquet"


def check_format(name: str) -> None:
    """See that files of this format can be written.

    Raises:
        StageError: of category ``config``: they need a library that is not installed.
    """
    if name == "parquet" and find_spec("pyarrow") is None:
        msg = "--format parquet needs pyarrow: pip install 'docparse-chunk[parquet]', or leave --format out"
        raise StageError(msg, category=Category.CONFIG)


def write(path: Path, rows: Iterable[ChunkRow], footer: Mapping[str, Any]) -> None:
    """Write rows; a document without text gives a valid file without any.

    Args:
        path: the file, whose suffix says the format.
        rows: the rows.
        footer: what made them; kept in a Parquet file as JSON under the metadata key ``docparse``.
    """
    plain = (msgspec.to_builtins(row) for row in rows)
    if path.suffix == PARQUET:
        _write_parquet(path, list(plain), footer)
    else:
        write_rows(path, plain)


def read(path: Path) -> Iterator[ChunkRow]:
    """Yield the rows of a file.

    Raises:
        StageError: of category ``input``: the file is damaged.
        msgspec.ValidationError: a row is not one of this stage's; the message says which field.
    """
    for row in read_rows(path):
        yield msgspec.convert(row, ChunkRow)


def _write_parquet(path: Path, rows: list[dict[str, Any]], footer: Mapping[str, Any]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only wanted with --format parquet
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    metadata = {"docparse": json.dumps({"schema_version": SCHEMA_VERSION, **footer}, sort_keys=True)}
    schema = parquet_schema().with_metadata(metadata)
    pq.write_table(
        pa.Table.from_pylist(rows, schema=schema),
        path,
        compression="zstd",
        use_dictionary=["doc_id", "tokenizer"],
    )


def parquet_schema() -> "pa.Schema":
    """Return the columns of a Parquet file, in the order of the fields of a row; none of them is ever null."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    def needed(name: str, kind: "pa.DataType") -> "pa.Field[Any]":
        return pa.field(name, kind, nullable=False)

    def listed(kind: "pa.DataType") -> "pa.DataType":
        return pa.list_(needed("item", kind))

    def struct(**fields: "pa.DataType") -> "pa.DataType":
        return pa.struct([needed(name, kind) for name, kind in fields.items()])

    text, texts, number = pa.string(), listed(pa.string()), pa.int64()
    place = dict.fromkeys(("l", "t", "r", "b"), pa.float64())
    likeness = pa.struct([needed("name", text), pa.field("confidence", pa.float64())])
    return pa.schema(
        [
            needed("chunk_id", text),
            needed("doc_id", text),
            needed("seq", number),
            needed("text", text),
            needed("contextualized_text", text),
            needed("headings", texts),
            needed("captions", texts),
            needed("kinds", texts),
            needed("pages", listed(pa.int32())),
            needed("boxes", listed(struct(page=pa.int32(), **place, coord_origin=text))),
            needed("char_span", pa.list_(needed("item", number), 2)),
            needed("doc_items", texts),
            needed("links", listed(struct(text=text, url=text))),
            needed("emphasis", listed(struct(text=text, styles=texts))),
            needed(
                "pictures",
                listed(struct(doc_item=text, descriptions=texts, classes=listed(likeness), molecule=text)),
            ),
            needed("n_tokens", pa.int32()),
            needed("tokenizer", text),
            needed("content_digest", text),
            needed("schema_version", pa.int32()),
        ]
    )
