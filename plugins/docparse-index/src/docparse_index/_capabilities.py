"""Where an index can be kept here, and what would bring other places."""

from collections.abc import Iterator

from docparse_runner import Capability

_PACKAGE = "docparse-index"


def capabilities() -> Iterator[Capability]:
    """Yield the sinks; packages are only looked for."""
    yield Capability(name="sqlite", summary="one file under the data root")
    yield Capability.of_extra(
        f"{_PACKAGE}[lancedb]", "lancedb", name="lancedb", summary="an index larger than memory, --sink lancedb"
    )
    yield Capability.of_extra(
        f"{_PACKAGE}[postgres]",
        "psycopg",
        name="postgres",
        summary="an index on a server with pgvector, --sink postgres",
    )
