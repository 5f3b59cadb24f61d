"""What a person types, as an FTS5 expression: phrases, prefixes and boolean words; anything else is text."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from unicodedata import category

import attrs

from docparse_index._folding import folded, runs

_MAX_WORDS = 1000
"""Of a longer query the first words count: FTS5 parses a thousand in 2 ms and a hundred thousand in 2 s."""

_INSIDE_WORDS = frozenset("-._")
_OPERATORS = ("AND", "OR", "NOT")
_PIECE = re.compile(r'(?P<minus>(?<!\S)-(?="[^"]*[^\W_][^"]*"))?"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+)|"')
"""A phrase in quotes, a word, or a quote that has no second one; a minus counts before a phrase that has a letter."""

_EXCLUDED = re.compile(r"-[^\W\d_]")
_PREFIX = re.compile(r"\w\*$")


@attrs.frozen(kw_only=True)
class Phrase:
    """Words that stand beside each other.

    Attributes:
        words: folded; a tokenizer may cut them further.
        is_prefix: whether the last one may go on.
    """

    words: tuple[str, ...]
    is_prefix: bool = False

    @property
    def fts5(self) -> str:
        """Return the phrase for FTS5: quoted, so that it is text whatever it looks like."""
        return f'"{" ".join(self.words)}"{" *" if self.is_prefix else ""}'


@attrs.frozen(kw_only=True)
class Words:
    """A query for words.

    Attributes:
        wanted: groups of which one must match; of a group each part must match, and of a part one phrase.
        unwanted: phrases that a chunk must not have.
        spoken: what a model is to read: the text without syntax and without what is excluded.
    """

    wanted: tuple[tuple[tuple[Phrase, ...], ...], ...]
    unwanted: tuple[Phrase, ...]
    spoken: str

    @property
    def match(self) -> str:
        """Return an FTS5 expression of what is looked for; ``""`` when there is no word in it."""
        return _either(_all_of(group) for group in self.wanted) or '""'

    @property
    def excluded(self) -> str:
        """Return an FTS5 expression of what a chunk must not have, or nothing."""
        return _either(phrase.fts5 for phrase in self.unwanted)

    @property
    def expression(self) -> str:
        """Return both expressions as one."""
        return f"({self.match}) NOT ({self.excluded})" if self.excluded else self.match


@attrs.frozen(kw_only=True)
class _Term:
    """One thing that is looked for, or an operator.

    Attributes:
        text: as it was typed, without syntax.
        phrases: one of them must match.
        operator: the operator that it may be, or empty.
        excluded: whether it stands after a minus.
        plain: whether it was typed without syntax.
    """

    text: str
    phrases: tuple[Phrase, ...]
    operator: str = ""
    excluded: bool = False
    plain: bool = True


def parse(text: str) -> Words:
    """Return what a query asks for; no text is an error."""
    terms = list(_terms(text))
    wanted, unwanted, joined = _sorted(terms)
    if not wanted:
        wanted, unwanted, joined = [[term] for term in terms], [], False
    spoken = " ".join(term.text for group in wanted for term in group)
    has_syntax = joined or bool(unwanted) or not all(term.plain for term in terms)
    return Words(
        wanted=tuple(tuple(term.phrases for term in group) for group in wanted),
        unwanted=tuple(phrase for term in unwanted for phrase in term.phrases),
        spoken=spoken if has_syntax and spoken.strip() else text,
    )


def _terms(text: str) -> Iterator[_Term]:
    left = _MAX_WORDS
    for match in _PIECE.finditer(text):
        if match["phrase"] is not None:
            term = _phrase(match["phrase"], excluded=match["minus"] is not None)
        elif match["word"] is not None:
            term = _word(match["word"])
        else:
            continue
        if term.phrases and left > 0:
            yield attrs.evolve(term, phrases=term.phrases[:left])
            left -= len(term.phrases)


def _phrase(text: str, *, excluded: bool) -> _Term:
    words = tuple(word for run in runs(folded(_spaced(text))) for word in run)
    return _Term(text=text, phrases=(Phrase(words=words),) if words else (), excluded=excluded, plain=False)


def _word(text: str) -> _Term:
    excluded = _EXCLUDED.match(text) is not None
    bare = text[1:] if excluded else text
    is_prefix = _PREFIX.search(bare) is not None
    phrases = [phrase for run in runs(folded(_spaced(bare))) for phrase in _pairs(run)]
    if is_prefix and phrases:
        phrases[-1] = attrs.evolve(phrases[-1], is_prefix=True)
    return _Term(
        text=bare.removesuffix("*") if is_prefix else bare,
        phrases=tuple(dict.fromkeys(phrases)),
        operator=text if text in _OPERATORS else "",
        excluded=excluded,
        plain=not (excluded or is_prefix),
    )


def _pairs(run: list[str]) -> list[Phrase]:
    """Return a word, or each two neighbours of a run of signs, as phrases; so is a word like ``4711-B`` in the end."""
    if len(run) == 1:
        return [Phrase(words=(run[0],))]
    return [Phrase(words=pair) for pair in pairwise(run)]


def _spaced(text: str) -> str:
    return "".join(" " if _separates(char) else char for char in text)


def _separates(char: str) -> bool:
    """Return whether the character ends a word: punctuation, symbols and control characters, except inside words."""
    if char.isalnum() or char in _INSIDE_WORDS:
        return False
    return category(char) == "Cc" or category(char)[0] in "PSZ"


def _sorted(terms: list[_Term]) -> tuple[list[list[_Term]], list[_Term], bool]:
    """Return (groups of which one must match wholly, what must not match, whether an operator was used)."""
    wanted, unwanted, used, pending = list[list[_Term]](), list[_Term](), False, ""
    for place, term in enumerate(terms):
        if _is_operator(terms, place, begun=bool(wanted)):
            pending, used = term.operator, True
        elif term.excluded or pending == "NOT":
            unwanted.append(term)
            pending = ""
        elif pending == "AND":
            wanted[-1].append(term)
            pending = ""
        else:
            wanted.append([term])
            pending = ""
    return wanted, unwanted, used


def _is_operator(terms: list[_Term], place: int, *, begun: bool) -> bool:
    """Return whether this is an operator: it stands between two terms, and ``AND NOT`` and ``OR NOT`` are ``NOT``."""
    following = terms[place + 1 : place + 3]
    if not terms[place].operator or not begun or not following:
        return False
    is_not = terms[place].operator != "NOT" and following[0].operator == "NOT" and len(following) > 1
    return is_not or not following[0].operator


def _all_of(group: tuple[tuple[Phrase, ...], ...]) -> str:
    parts = [_either(phrase.fts5 for phrase in phrases) for phrases in group]
    return parts[0] if len(parts) == 1 else " AND ".join(f"({part})" for part in parts)


def _either(expressions: Iterable[str]) -> str:
    """Return an expression of which one part must match; AND binds more tightly than OR."""
    return " OR ".join(dict.fromkeys(expressions))
