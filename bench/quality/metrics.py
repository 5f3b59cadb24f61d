"""How alike two readings of a document are. Both are lists of items, in the shape that ``references`` describes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import attrs

Item = Mapping[str, Any]

_SAME = 0.9
"""Headings and list items agree when this share of their letters does."""

_IOU = 0.6
_IN_CELLS = 0.6
"""Where one side has no boxes, tables are the same when the words in their cells are, as F1."""

_SHINGLE = 3
_BEFORE = re.compile(r" ([.,;:!?)\]،])")
_AFTER = re.compile(r"([(\[]) ")
"""Spaces that conversions of links leave beside punctuation."""

_PLAIN = str.maketrans(dict.fromkeys("\u2018\u2019", "'") | dict.fromkeys("\u201c\u201d", '"'))
_PLAIN |= str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_MARKS = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\u00ad\u0640]")


@attrs.define
class Count:
    """Hits and misses, added up over documents."""

    hits: int = 0
    expected: int = 0
    found: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.hits + other.hits, self.expected + other.expected, self.found + other.found)

    @property
    def recall(self) -> float:
        return self.hits / self.expected if self.expected else float("nan")

    @property
    def precision(self) -> float:
        return self.hits / self.found if self.found else float("nan")

    @property
    def f1(self) -> float:
        return 2 * self.hits / (self.expected + self.found) if self.expected + self.found else float("nan")


@attrs.frozen(kw_only=True)
class Score:
    """What is measured of one document.

    Attributes:
        text: share of the words that are there and in the same order (difflib's ratio over words).
        words: the same, in any order.
        headings: their texts.
        levels: of the headings found, how many have the right level, counted from the document's highest.
        tables: where they are.
        shapes: of the tables found on one page, how many have the right number of rows and of columns.
        cells: words in the cells of tables that were found, each in its row and column.
        items: of lists.
        order: Kendall's tau over the positions of three words that occur once on both sides.
    """

    text: float
    words: Count
    headings: Count
    levels: Count
    tables: Count
    shapes: Count
    cells: Count
    items: Count
    order: float


def score(expected: Sequence[Item], found: Sequence[Item]) -> Score:
    """Compare what was found in a document with what is in it."""
    spans_repeat = any(item.get("repeats") for item in expected)
    wanted, got = (words_of(side, spans_repeat=spans_repeat) for side in (expected, found))
    headings = _pairs(_texts(expected, "heading"), _texts(found, "heading"))
    pairs = _table_pairs(_tables(expected), _tables(found))
    whole = [(one, other) for one, other in pairs if len(one["boxes"]) < 2]
    return Score(
        text=SequenceMatcher(None, wanted, got, autojunk=False).ratio(),
        words=_overlap(Counter(wanted), Counter(got)),
        headings=Count(len(headings), len(_texts(expected, "heading")), len(_texts(found, "heading"))),
        levels=_levels(expected, found, headings),
        tables=Count(len(pairs), len(_tables(expected)), len(pairs) + _false_tables(expected, found, pairs)),
        shapes=Count(sum(_shape(one) == _shape(other) for one, other in whole), len(whole), len(whole)),
        cells=sum((_overlap(_places(one), _places(other)) for one, other in whole), Count()),
        items=_item_count(expected, found),
        order=_tau(wanted, got),
    )


def normal(text: str) -> str:
    """Return what is compared of a text: without marks of direction and soft hyphens, with plain spaces and quotes."""
    text = _MARKS.sub("", unicodedata.normalize("NFKC", text))
    text = " ".join(text.translate(_PLAIN).split())
    return _AFTER.sub(r"\1", _BEFORE.sub(r"\1", text))


def words_of(items: Sequence[Item], *, spans_repeat: bool = False) -> list[str]:
    """Return the words in reading order, those of tables row by row, those of cells that span once or at each place."""
    texts = [text for item in items for text in _said(item, spans_repeat=spans_repeat)]
    return [word for text in texts for word in normal(text).split()]


def _said(item: Item, *, spans_repeat: bool) -> list[str]:
    if item["label"] != "table":
        return [item["text"]]
    return [text for row in item["rows"] for text in row] if spans_repeat else item["cells"]


def _overlap(one: Counter[Any], other: Counter[Any]) -> Count:
    return Count((one & other).total(), one.total(), other.total())


def _texts(items: Sequence[Item], label: str) -> list[str]:
    return [normal(item["text"]) for item in items if item["label"] == label]


def _pairs(expected: Sequence[str], found: Sequence[str]) -> list[tuple[int, int]]:
    """Return which texts are the same, each used once."""
    free = dict(enumerate(found))
    pairs = []
    for index, text in enumerate(expected):
        same = next((number for number, other in free.items() if _alike(text, other)), None)
        if same is not None:
            del free[same]
            pairs.append((index, same))
    return pairs


def _alike(one: str, other: str) -> bool:
    if min(len(one), len(other)) < _SAME / 2 * max(len(one), len(other)):
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _SAME


def _levels(expected: Sequence[Item], found: Sequence[Item], pairs: Sequence[tuple[int, int]]) -> Count:
    one, other = (_ranks([item["level"] for item in side if item["label"] == "heading"]) for side in (expected, found))
    return Count(sum(one[i] == other[j] for i, j in pairs), len(pairs), len(pairs))


def _ranks(levels: Sequence[int]) -> list[int]:
    order = sorted(set(levels))
    return [order.index(level) for level in levels]


def _item_count(expected: Sequence[Item], found: Sequence[Item]) -> Count:
    wanted, got = _texts(expected, "list_item"), _texts(found, "list_item")
    return Count(len(_pairs(wanted, got)), len(wanted), len(got))


def _tables(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item["label"] == "table"]


def _false_tables(expected: Sequence[Item], found: Sequence[Item], pairs: Sequence[tuple[Item, Item]]) -> int:
    """Return how many tables were found where none is; the parts of one that goes on on the next page are none."""
    parts = [box for item in _tables(expected) if len(item["boxes"]) > 1 for box in item["boxes"]]
    matched = [id(other) for _, other in pairs]
    return sum(
        id(item) not in matched and not any(_iou(box, own) > _IOU for box in parts for own in item["boxes"])
        for item in _tables(found)
    )


def _table_pairs(expected: Sequence[Item], found: Sequence[Item]) -> list[tuple[Item, Item]]:
    free = list(found)
    pairs = []
    for item in expected:
        same = next((other for other in free if _same_table(item, other)), None)
        if same is not None:
            free.remove(same)
            pairs.append((item, same))
    return pairs


def _same_table(one: Item, other: Item) -> bool:
    if one["boxes"] and other["boxes"]:
        return any(_iou(box, there) > _IOU for box in one["boxes"] for there in other["boxes"])
    words, there = (Counter(words_of([item])) for item in (one, other))
    return _overlap(words, there).f1 > _IN_CELLS


def _iou(one: Sequence[float], other: Sequence[float]) -> float:
    if one[0] != other[0]:
        return 0.0
    width = min(one[3], other[3]) - max(one[1], other[1])
    height = min(one[4], other[4]) - max(one[2], other[2])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[3] - box[1]) * (box[4] - box[2]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _shape(table: Item) -> tuple[int, int]:
    return len(table["rows"]), max((len(row) for row in table["rows"]), default=0)


def _places(table: Item) -> Counter[tuple[int, int, str]]:
    return Counter(
        (row, column, word)
        for row, line in enumerate(table["rows"])
        for column, text in enumerate(line)
        for word in normal(text).split()
    )


def _tau(expected: Sequence[str], found: Sequence[str]) -> float:
    """Return Kendall's tau of the order in which what occurs once on both sides comes."""
    one, other = _unique(expected), _unique(found)
    there = [other[shingle] for shingle in one if shingle in other]
    pairs = len(there) * (len(there) - 1) / 2
    return 1 - 2 * _inversions(there)[0] / pairs if pairs else float("nan")


def _unique(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    shingles = list(zip(*(words[start:] for start in range(_SHINGLE)), strict=False))
    counts = Counter(shingles)
    return {shingle: place for place, shingle in enumerate(shingles) if counts[shingle] == 1}


def _inversions(values: list[int]) -> tuple[int, list[int]]:
    """Return how many pairs are in the wrong order, and the values sorted."""
    if len(values) < 2:
        return 0, values
    half = len(values) // 2
    (count, left), (more, right) = _inversions(values[:half]), _inversions(values[half:])
    count += more
    merged, taken = [], 0
    for value in left:
        while taken < len(right) and right[taken] < value:
            merged.append(right[taken])
            taken += 1
        merged.append(value)
        count += taken
    return count, merged + right[taken:]
