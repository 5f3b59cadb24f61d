"""Where the words of a query stand in a text, for engines that do not say it themselves: FTS5 over that one text."""

import sqlite3
from collections.abc import Iterable

from docparse_index._folding import CLOSE, OPEN, folded
from docparse_index._rows import spans
from docparse_index._store import TOKENIZER
from docparse_index._words import Words


def marks(words: Words, text: str) -> tuple[tuple[int, int], ...]:
    """Return (start, end) of each match."""
    return next(iter(marks_of(words, [text])))


def marks_of(words: Words, texts: Iterable[str]) -> list[tuple[tuple[int, int], ...]]:
    """Return the matches of each text, in order."""
    texts = list(texts)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f'CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "{TOKENIZER}")')
        connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", enumerate(map(folded, texts)))
        query = "SELECT rowid, highlight(words, 0, ?, ?) FROM words WHERE words MATCH ?"
        marked = dict(connection.execute(query, (OPEN, CLOSE, words.match)).fetchall())
    finally:
        connection.close()
    return [spans(marked.get(number, ""), text) for number, text in enumerate(texts)]
