"""Words of a text and how often each occurs: the family ``lexical``.

No statistics of the corpus are in it: BM25 and the like apply theirs when they search. Words are runs of letters and
digits, composed (NFKC) and case-folded; nothing is stemmed and no word is left out, so that every engine can treat them
as it treats queries.
"""

import re
import unicodedata
from collections import Counter

TOKENIZER = "unicode-words/1"
"""The name of these rules, recorded with the counts; raised when the same text would give other terms."""

_WORD = re.compile(r"[^\W_]+")


def terms(text: str) -> list[str]:
    """Return the words of a text in order."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def term_counts(text: str) -> Counter[str]:
    """Return word → how often it occurs."""
    return Counter(terms(text))
