"""What sinks share whose engine ranks by itself: two lists of the best, joined as the sink ``sqlite`` joins them."""

import re
import unicodedata
from collections.abc import Mapping

import msgspec
import numpy as np

from docparse_index._dense import Scores, best
from docparse_index._document import facets
from docparse_index._folding import folded
from docparse_index._fusion import FUSIONS
from docparse_index._query import Request

_LONGEST_FACET = 200

POOL = 1000
"""How many chunks each side hands to a fusion."""


def fused(request: Request, dense: Mapping[str, float], lexical: Mapping[str, float], limit: int) -> dict[str, float]:
    """Return chunk → score of the best, and of what ties with the last of them.

    Args:
        request: says how to fuse.
        dense: chunk → cosine of the nearest.
        lexical: chunk → score of what the words found.
        limit: how many are wanted.
    """
    names = sorted({*dense, *lexical})
    numbers = {name: number for number, name in enumerate(names)}
    both = FUSIONS[request.fusion](_scores(dense, numbers), _scores(lexical, numbers), limit)
    return {names[number]: value for number, value in best(both, limit).items()}


def _scores(found: Mapping[str, float], numbers: Mapping[str, int]) -> Scores:
    ordered = sorted((numbers[name], value) for name, value in found.items())
    return Scores(
        np.array([number for number, _ in ordered], np.int64), np.array([value for _, value in ordered], float)
    )


def plain(text: str) -> str:
    """Return the text folded as FTS5's tokenizer would fold it further: without accents, in one case, without NUL."""
    apart = unicodedata.normalize("NFD", folded(text).replace("\0", " "))
    return "".join(char for char in apart if not "\u0300" <= char <= "\u036f").casefold()


def facet_list(metadata: str) -> list[str]:
    """Return what a filter on the metadata may ask for, without what is too long to be asked for."""
    return sorted({each for each in facets(msgspec.json.decode(metadata)) if len(each) <= _LONGEST_FACET})


def glob_as_regex(pattern: str) -> str:
    """Return what matches as the pattern does: ``*``, ``?`` and ``[…]``; an open bracket matches nothing."""
    found, place = "", 0
    while place < len(pattern):
        char = pattern[place]
        end = pattern.find("]", place + 2)
        if char == "[" and end < 0:
            return "[^\\s\\S]"
        if char == "[":
            inside = pattern[place + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            found, place = f"{found}[{inside}]", end
        else:
            found += {"*": ".*", "?": "."}.get(char) or re.escape(char)
        place += 1
    return found
