"""Hits for a person: rank, score, file, page, headings, and the part of the text that answers."""

import re
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from docparse_index._hit import Hit, Neighbour

_SHOWN = 320
"""Characters of a chunk that are shown: four lines of a terminal."""
_LEAD = 60

_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
"""Whitespace, and control characters: text from a document must not steer a terminal."""


def show(hits: Sequence[Hit], console: Console) -> None:
    """Print the hits; without a terminal a hit is two lines and one for each neighbour, plain and not wrapped."""
    for rank, hit in enumerate(hits, 1):
        console.print(_title(rank, hit), soft_wrap=True)
        before, after = ([_beside(each) for each in side] for side in (hit.before, hit.after))
        for part in (*before, excerpt(hit), *after):
            if console.is_terminal:
                console.print(Padding(part, (0, 0, 0, 4)))
            else:
                console.print(Text("    ").append(part), soft_wrap=True)
        if console.is_terminal:
            console.print()


def _beside(neighbour: Neighbour) -> Text:
    return Text(_plain(neighbour.text), "dim")


def _title(rank: int, hit: Hit) -> Text:
    title = Text(f"{rank:2}  ").append(f"{hit.score:.3f}", "dim").append("  ").append(_plain(hit.doc_id), "bold")
    if hit.pages:
        title.append(f"  p. {', '.join(map(str, hit.pages))}", "cyan")
    if hit.headings:
        title.append(f"  {' > '.join(map(_plain, hit.headings))}", "italic")
    return title


def excerpt(hit: Hit) -> Text:
    """Return the part of the text with most of the matched words, those in bold."""
    start, stop = _window(hit)
    shown = Text("… " if start else "")
    for part, matched in _parts(hit, start, stop):
        shown.append(_BLANK.sub(" ", part), "bold yellow" if matched else "")
    return shown.append(" …" if stop < len(hit.text) else "")


def _window(hit: Hit) -> tuple[int, int]:
    """Return the range of the text to show: whole words, most matches, the earliest such."""
    size = len(hit.text)
    if size <= _SHOWN:
        return 0, size
    starts = [max(0, begin - _LEAD) for begin, _ in hit.matches]
    start = max(starts, key=lambda at: sum(at <= begin and end <= at + _SHOWN for begin, end in hit.matches), default=0)
    start = min(start, size - _SHOWN)
    if start:
        start = max(hit.text.find(" ", start, start + _LEAD) + 1, start)
    stop = min(start + _SHOWN, size)
    return start, stop if stop == size else max(hit.text.rfind(" ", stop - _LEAD, stop), stop - _LEAD)


def _parts(hit: Hit, start: int, stop: int) -> Iterator[tuple[str, bool]]:
    """Yield the text from `start` to `stop` in pieces, each with whether it matched."""
    position = start
    for begin, end in hit.matches:
        if start <= begin and end <= stop:
            yield hit.text[position:begin], False
            yield hit.text[begin:end], True
            position = end
    yield hit.text[position:stop], False


def _plain(text: str) -> str:
    return _BLANK.sub(" ", text).strip()
