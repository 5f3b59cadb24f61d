"""Where sentences end, in any script.

Rules rather than a model: a sentence ends at ``. ! ? …`` before white space and something that is not a lower-case
letter, unless an abbreviation, an initial or a list number stands before the full stop (marks of notes like ``[25]``
belong to the sentence before them); at the full stops of Chinese and Japanese wherever they stand; at those of Arabic,
Urdu, Devanagari, Ethiopic and Armenian before white space. Thai has none: its phrases end at spaces, which the next
level of splitting uses.
"""

import re

from docparse_chunk._scripts import CLOSING, FULL_STOPS, SPACED_FULL_STOPS

# Possessive, and only from the first mark of a run, so that a million dots take no longer than a million letters.
_END = re.compile(
    rf"(?<![.!?…])[.!?…]++[{CLOSING}]*+(?:\s?\[ ?[^\]\s]{{1,12}}+ ?\])*+(?=\s++[^\sa-zà-öø-ÿ])"
    rf"|[{FULL_STOPS}]++[{CLOSING}]*+"
    rf"|(?<![{SPACED_FULL_STOPS}])[{SPACED_FULL_STOPS}]++[{CLOSING}]*+(?=\s)"
    r"|\n(?=[ \t]*+\n)"
)
_ABBREVIATION = re.compile(
    r"al|approx|art|bzw|ca|cf|ch|chap|col|dr|ed|eds|e\.g|eg|eq|eqs|esp|fig|figs|gen|i\.e|ie|inc|jr|ltd|mr|mrs|ms|no|nos|nr"
    r"|op|p|pp|para|prof|ref|refs|rev|sec|sect|sen|sr|st|tab|vol|vols|vs|z\.b",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"[\w.'-]+$")
_LOOK_BACK = 40
"""Characters looked at before a full stop; no abbreviation is longer."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of each sentence of `text`, in order, surrounding white space left out."""
    spans = []
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        if text[match.start()] == "." and _is_abbreviated(text, start, match.start()):
            continue
        if span := trimmed(text, start, end):
            spans.append(span)
        start = end
    if span := trimmed(text, start, len(text)):
        spans.append(span)
    return spans


def _is_abbreviated(text: str, start: int, stop: int) -> bool:
    """Say whether the full stop at `stop` belongs to the word before it, in the sentence that begins at `start`."""
    found = _LAST_WORD.search(text, max(start, stop - _LOOK_BACK), stop)
    if found is None:
        return False
    word = found[0]
    is_initial = len(word) == 1 and word.isupper()
    is_list_number = word.isdecimal() and not text[start : found.start()].strip()
    return is_initial or is_list_number or _ABBREVIATION.fullmatch(word) is not None


def trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the span without the white space at its ends, or None when nothing is left."""
    piece = text[start:end]
    stripped = piece.lstrip()
    if not stripped:
        return None
    return end - len(stripped), start + len(piece.rstrip())
