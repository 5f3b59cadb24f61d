"""How recorded results stand now: which are made from something older than what there is."""

from collections.abc import Iterator, Mapping

import attrs

from docparse_runner._row import GONE, Row

Tables = Mapping[str, Mapping[str, Row]]
"""Stage → item id → its last row."""


@attrs.frozen(kw_only=True)
class Doubt:
    """A result that is not what a run would make now.

    Attributes:
        stage: whose result.
        item_id: of which document.
        why: one sentence.
    """

    stage: str
    item_id: str
    why: str


def stale(tables: Tables) -> Iterator[Doubt]:
    """Yield the results that a failure left in place."""
    for stage, rows in tables.items():
        for row in rows.values():
            if row.last_good is not None:
                message = f"{row.category}: {row.error.message}" if row.error else row.category
                why = f"still the result of run {row.last_good.run_id}; then it failed: {message}"
                yield Doubt(stage=stage, item_id=row.item_id, why=why)


def outdated(tables: Tables, makers: Mapping[str, str]) -> Iterator[Doubt]:
    """Yield the results that were made from another input than the one that its maker has now.

    Args:
        tables: the rows.
        makers: kind → the stage that makes it.
    """
    for stage, rows in tables.items():
        for row in rows.values():
            if row.in_place and (why := _outdated(row, tables, makers)):
                yield Doubt(stage=stage, item_id=row.item_id, why=why)


def _outdated(row: Row, tables: Tables, makers: Mapping[str, str]) -> str:
    for kind, state in row.inputs.items():
        maker = makers.get(kind, "")
        source = tables.get(maker, {}).get(row.item_id)
        if source is None:
            continue
        if source.status == GONE:
            return f"{maker} says that the document is gone"
        made = source.in_place.get(kind)
        if made is None:
            return f"{maker} has no {kind} of it any more"
        if made.digest != state.digest:
            return f"made from an older {kind}"
    return ""
