"""``docparse search``: the index of a data root, asked from the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from docparse_runner import UsageError

if TYPE_CHECKING:
    from docparse_index._contents import Contents
    from docparse_index._hit import Hit
    from docparse_index._search import Index


@click.command()
@click.argument("query")
@click.option(
    "--data-root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("docparse-data"),
    envvar="DOCPARSE_DATA_ROOT",
    show_default="./docparse-data",
    help="Where the index is.",
)
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "lexical"]),
    show_default="hybrid, or lexical without the model",
    help="Words and vectors together, vectors alone, or words alone (which needs no model).",
)
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="How many hits at most.")
@click.option("--path", "paths", metavar="GLOB", multiple=True, help="Only documents like this, e.g. '*.pdf'.")
@click.option("--page", type=click.IntRange(min=1), help="Only what is on this page.")
@click.option("--heading", metavar="TEXT", help="Only what stands under a heading with this text.")
@click.option(
    "--fusion",
    type=click.Choice(["convex", "rrf"]),
    default="convex",
    show_default=True,
    help="How hybrid joins words and vectors: mix of scores, or reciprocal ranks.",
)
@click.option(
    "--model",
    envvar="DOCPARSE_SHARED__MODEL",
    help="Where the embedding model is now, when it is not where it was while indexing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def search(query: str, data_root: Path, *, as_json: bool, mode: str | None, model: str | None, **given: Any) -> None:
    """Find what answers QUERY, with file, page and heading.

    Nothing in QUERY is syntax. Scores are comparable within one search only.
    """
    from docparse_index import open_index  # noqa: PLC0415 - SQLite is not for `--help`
    from docparse_index._hit import Filters  # noqa: PLC0415 - as above

    filters = Filters(paths=given["paths"], page=given["page"], heading=given["heading"])
    with open_index(data_root, model=model) as index:
        chosen = mode or _possible_mode(index)
        hits = index.search(query, mode=chosen, k=given["k"], fusion=given["fusion"], filters=filters)
        _tell(index.contents(), hits, chosen)
    if as_json:
        _print_json(query, chosen, hits)
    else:
        _print(hits)


def _possible_mode(index: "Index") -> str:
    """Return ``hybrid`` where the model can be opened; otherwise say why not, and return ``lexical``."""
    try:
        index.open_model()
    except UsageError as error:
        click.echo(f"docparse search: by words only, since {error}", err=True)
        return "lexical"
    return "hybrid"


def _tell(contents: "Contents", hits: "list[Hit]", mode: str) -> None:
    """Say on stderr what the hits do not: that there are none, or that not all chunks could be compared."""
    if contents.left_behind and mode != "lexical":
        click.echo(
            f"docparse search: {contents.left_behind} of {contents.chunks} chunks have vectors of another model than "
            "the newest, and are found by their words only; `docparse run all` embeds them again",
            err=True,
        )
    if not hits:
        click.echo(f"docparse search: nothing found in {contents.chunks} chunks", err=True)


def _print_json(query: str, mode: str, hits: "list[Hit]") -> None:
    import json  # noqa: PLC0415 - not for `--help`

    import attrs  # noqa: PLC0415 - as above

    found = [{"rank": rank, **attrs.asdict(hit)} for rank, hit in enumerate(hits, 1)]
    answer = {"query": query, "mode": mode, "hits": found}
    # Bytes: a terminal's encoding must not decide what JSON is.
    click.echo(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def _print(hits: "list[Hit]") -> None:
    from rich.console import Console  # noqa: PLC0415 - not for `--help` and `--json`

    from docparse_index._render import show  # noqa: PLC0415 - as above

    show(hits, Console(highlight=False))
