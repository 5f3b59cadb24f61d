"""``docparse chunk-profile``: how long documents and their sections are in tokens, and which limits suit them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from docparse_runner.commands import location_options, settings_of

if TYPE_CHECKING:
    from docparse_chunk._profile import Profile

_BAR = 40
"""Characters of the longest bar of a histogram."""


@click.command("chunk-profile", params=location_options())
@click.argument("inputs", metavar="[INPUT]...", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--model", envvar="DOCPARSE_SHARED__MODEL", help="Embedding model: a folder, or a name at the hub.")
@click.option(
    "--tokenizer",
    "tokenizers",
    metavar="NAME",
    multiple=True,
    help="Count with this one too, as for `docparse run chunk --tokenizer`; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def chunk_profile(
    inputs: tuple[Path, ...], model: str | None, tokenizers: tuple[str, ...], *, as_json: bool, **location: Any
) -> None:
    """Say how long documents and their sections are in tokens, and suggest limits for chunks.

    INPUT are files or folders of converted documents (.docling.json); without it, those of the data root. Nothing is
    written.
    """
    from docparse_chunk._choice import choose  # noqa: PLC0415 - not for `--help`
    from docparse_chunk._listing import documents  # noqa: PLC0415 - as above
    from docparse_chunk._profile import profiled  # noqa: PLC0415 - as above

    settings = settings_of("chunk", location)
    found = documents(inputs, settings.root)
    counters = [choose(model or settings.options.model, name).open() for name in (None, *tokenizers)]
    profiles = profiled(found, counters)
    if as_json:
        _print_json(profiles)
    else:
        _print(profiles)


def _print_json(profiles: "list[Profile]") -> None:
    import json  # noqa: PLC0415 - not for `--help`

    from docparse_chunk._profile import EDGES, histogram  # noqa: PLC0415 - as above

    told = [
        {
            "tokenizer": profile.tokenizer,
            "limit": profile.limit,
            "special_tokens": profile.special_tokens,
            "tokens": profile.tokens,
            "documents": profile.documents,
            "sections": _spread(profile.sections),
            "paragraphs": _spread(profile.paragraphs),
            "histogram": {"edges": list(EDGES), "sections": histogram(profile.sections)},
            "suggested": {"max_tokens": profile.max_tokens, "min_tokens": profile.min_tokens},
        }
        for profile in profiles
    ]
    answer = {"schema_version": 1, "profiles": told}
    # Bytes: a terminal's encoding must not decide what JSON is.
    click.echo(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def _spread(values: list[int]) -> dict[str, int]:
    from docparse_chunk._profile import quantile  # noqa: PLC0415 - not for `--help`

    shares = {"p5": 0.05, "p50": 0.5, "p95": 0.95}
    return {"count": len(values), **{key: quantile(values, share) for key, share in shares.items()}} | {
        "max": max(values, default=0)
    }


def _print(profiles: "list[Profile]") -> None:
    first = profiles[0]
    click.echo(f"{'tokens':>10}  document")
    for name, tokens in first.documents.items():
        click.echo(f"{tokens:>10}  {name}")
    click.echo()
    _print_histogram(first)
    for profile in profiles:
        _print_totals(profile, first.tokens)


def _print_histogram(profile: "Profile") -> None:
    from docparse_chunk._profile import EDGES, histogram  # noqa: PLC0415 - not for `--help`

    bars = histogram(profile.sections)
    click.echo(f"{'tokens':>10}  sections")
    last = max((place for place, count in enumerate(bars) if count), default=-1)
    for place, count in enumerate(bars[: last + 1]):
        label = f"≤ {EDGES[place]}" if place < len(EDGES) else f"> {EDGES[-1]}"
        bar = "█" * round(_BAR * count / max(bars))
        click.echo(f"{label:>10}  {count:<6}{bar}".rstrip())
    click.echo()


def _print_totals(profile: "Profile", reference: int) -> None:
    spread = _spread(profile.sections)
    ratio = f"{profile.tokens / reference:.2f} x" if reference else "-"
    click.echo(
        f"{profile.tokenizer}: {profile.tokens} tokens ({ratio}) in {len(profile.documents)} documents, "
        f"{spread['count']} sections of {spread['p5']}, {spread['p50']} and {spread['p95']} tokens (5, 50, 95 %)"
    )
    click.echo(
        f"  reads {profile.limit}, {profile.special_tokens} of them special; "
        f"try --max-tokens {profile.max_tokens} --min-tokens {profile.min_tokens}"
    )
