"""Texts longer than the model reads, cut into parts that it reads whole."""

from collections.abc import Callable, Sequence

Parts = dict[str, list[str]]
"""Text → its parts, in order."""


def split_text(text: str, count_tokens: Callable[[Sequence[str]], list[int]], limit: int) -> list[str]:
    """Return parts of at most `limit` tokens each that make up the text.

    Halves are cut at the white space nearest to their middle, or anywhere where there is none; prompt and special
    tokens count in every part. A single character that is longer than the limit stays as it is.
    """
    if len(text) <= 1 or count_tokens([text])[0] <= limit:
        return [text]
    middle = _middle(text)
    halves = (half for half in (text[:middle], text[middle:]) if half.strip())
    return [part for half in halves for part in split_text(half.strip(), count_tokens, limit)] or [text[:1]]


def _middle(text: str) -> int:
    """Return the place of the white space nearest to the middle, or the middle."""
    middle = len(text) // 2
    before = max((text.rfind(space, 1, middle) for space in " \n\t"), default=-1)
    after = min((place for space in " \n\t" if (place := text.find(space, middle)) > 0), default=-1)
    near = [place for place in (before, after) if 0 < place < len(text) - 1]
    return min(near, key=lambda place: abs(place - middle), default=middle)
