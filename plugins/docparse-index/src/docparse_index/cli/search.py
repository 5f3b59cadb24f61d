"""``docparse search``: the index of a data root, asked from the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from docparse_runner import UsageError
from docparse_runner.commands import location_options, settings_of

if TYPE_CHECKING:
    from docparse_index import Filters, Hit
    from docparse_index._contents import Contents
    from docparse_index._search import Index


@click.command(params=location_options())
@click.argument("query")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "lexical"]),
    show_default="hybrid, or lexical without the model",
    help="Words and vectors together, vectors alone, or words alone (which needs no model).",
)
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="How many hits at most.")
@click.option("--path", "paths", metavar="GLOB", multiple=True, help="Only documents like this, e.g. '*.pdf'.")
@click.option("--document", "documents", metavar="ID", multiple=True, help="Only this document.")
@click.option("--page", type=click.IntRange(min=1), help="Only what is on this page.")
@click.option("--heading", metavar="TEXT", help="Only what stands under a heading with this text.")
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Only what has this: text, table, code, …")
@click.option("--meta", "metadata", metavar="NAME=VALUE", multiple=True, help="Only where the chunks say this.")
@click.option(
    "--fusion",
    type=click.Choice(["convex", "rrf"]),
    default="convex",
    show_default=True,
    help="How hybrid joins words and vectors: mix of scores, or reciprocal ranks.",
)
@click.option("--context", type=click.IntRange(min=0), default=0, help="Show so many chunks before and after each hit.")
@click.option("--group-by", type=click.Choice(["document"]), help="Only the best hit of each document.")
@click.option(
    "--model",
    envvar="DOCPARSE_SHARED__MODEL",
    help="Where the embedding model is now, when it is not where it was while indexing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def search(query: str, *, data_root: Path | None, config: Path | None, as_json: bool, **given: Any) -> None:
    """Find what answers QUERY, with file, page and heading.

    In QUERY, "a phrase", prefix*, -excluded, and AND, OR and NOT between words are understood; anything else is text.
    Scores are comparable within one search only.
    """
    from docparse_index import open_index  # noqa: PLC0415 - SQLite is not for `--help`

    settings = settings_of("index", {"data_root": data_root, "config": config})
    asked = {name: given[name] for name in ("k", "fusion", "context", "group_by")}
    with open_index(
        settings.root, model=given["model"] or settings.shared.get("model"), url=settings.options.url
    ) as index:
        mode = given["mode"] or _possible_mode(index)
        hits = index.search(query, mode=mode, filters=_filters(given), **asked)
        _tell(index.contents(), hits, mode)
    if as_json:
        _print_json(query, mode, hits)
    else:
        _print(hits)


def _filters(given: dict[str, Any]) -> "Filters":
    from docparse_index import Filters  # noqa: PLC0415 - as above

    pairs = [each.partition("=") for each in given["metadata"]]
    for name, equals, _value in pairs:
        if not (name and equals):
            msg = f"--meta {name}: give NAME=VALUE, for example --meta tokenizer=bert"
            raise UsageError(msg)
    return Filters(
        paths=given["paths"],
        documents=given["documents"],
        page=given["page"],
        heading=given["heading"],
        kinds=given["kinds"],
        metadata={name: value for name, _equals, value in pairs},
    )


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
    if contents.without_vectors and mode != "lexical":
        click.echo(
            f"docparse search: {contents.without_vectors} of {contents.chunks} chunks have no vectors, and are found "
            "by their words only; `docparse run embed --families dense` and `docparse run index` add them",
            err=True,
        )
    if not hits:
        click.echo(f"docparse search: nothing found in {contents.chunks} chunks", err=True)


def _print_json(query: str, mode: str, hits: "list[Hit]") -> None:
    import attrs  # noqa: PLC0415 - not for `--help`
    import msgspec  # noqa: PLC0415 - as above

    found = [{"rank": rank, **attrs.asdict(hit)} for rank, hit in enumerate(hits, 1)]
    answer = {"schema_version": 1, "query": query.encode("utf-8", "replace").decode(), "mode": mode, "hits": found}
    # Bytes: a terminal's encoding must not decide what JSON is.
    click.echo(msgspec.json.encode(answer))


def _print(hits: "list[Hit]") -> None:
    from rich.console import Console  # noqa: PLC0415 - not for `--help` and `--json`

    from docparse_index._render import show  # noqa: PLC0415 - as above

    show(hits, Console(highlight=False))
