"""Which documents there are: kinds of reports, papers, books and slides, each with several seeds."""

from collections.abc import Callable, Iterator

import attrs
from sources import Part, Source, Writer

FONTS = ("Liberation Serif", "Liberation Sans", "DejaVu Serif", "DejaVu Sans", "Noto Serif", "Noto Sans")
LOOKS = ("ruled", "booktabs", "open", "banded")
CODE = (
    "def level(hour):\n    if hour < 0:\n        raise ValueError(hour)\n    return TABLE[hour % 24]",
    "for (int i = 0; i < n; i++) {\n    sum += depth[i] * weight[i];\n}\nreturn sum / n;",
    "SELECT station, max(level)\nFROM tides\nWHERE year >= 1911\nGROUP BY station;",
)


class Numbers:
    """Counts headings: 1, 1.1, 1.2, 2."""

    def __init__(self, style: str) -> None:
        self.style = style
        self.counts = [0, 0, 0]

    def label(self, level: int) -> str:
        """Return what stands before the next heading of a level."""
        self.counts[level - 1] += 1
        self.counts[level:] = [0] * (3 - level)
        dotted = ".".join(map(str, self.counts[:level])).removeprefix("0.")
        return {"none": "", "dotted": f"{dotted} ", "full": f"{dotted}. "}[self.style]


def heading(writer: Writer, numbers: Numbers, level: int) -> Part:
    return Part(label="heading", text=numbers.label(level) + writer.phrase(2, 6), level=level)


def prose(writer: Writer, count: int) -> Iterator[Part]:
    for _ in range(count):
        yield Part(label="text", text=writer.paragraph())


def items(writer: Writer, *, nested: bool = False) -> Iterator[Part]:
    ordered = writer.random.random() < 0.5
    for _ in range(writer.random.randint(3, 6)):
        text = writer.sentence() if writer.random.random() < 0.5 else writer.phrase(2, 6)
        yield Part(label="list_item", text=text, level=0, ordered=ordered)
        if nested and writer.random.random() < 0.5:
            for _ in range(writer.random.randint(1, 3)):
                yield Part(label="list_item", text=writer.phrase(2, 9), level=1, ordered=False)


def _plain_rows(writer: Writer, rows: int, columns: int) -> list[tuple[tuple[str, int, int], ...]]:
    head = tuple((writer.phrase(1, 2), 1, 1) for _ in range(columns))
    words = writer.random.randint(1, 4)
    body = [
        (
            (writer.phrase(1, words), 1, 1),
            *((writer.number() if writer.random.random() < 0.9 else "", 1, 1) for _ in range(columns - 1)),
        )
        for _ in range(rows - 1)
    ]
    return [head, *body]


def _with_spans(writer: Writer, rows: int, columns: int) -> list[tuple[tuple[str, int, int], ...]]:
    """Two rows of head, the first column over both and the rest in one or two groups."""
    left = (columns - 1) // 2 or 1
    groups = [left, columns - 1 - left] if columns > 3 else [columns - 1]
    first = ((writer.phrase(1, 1), 2, 1), *((writer.phrase(1, 2), 1, width) for width in groups))
    second = tuple((writer.phrase(1, 1), 1, 1) for _ in range(columns - 1))
    return [first, second, *_plain_rows(writer, rows - 1, columns)[1:]]


def table(writer: Writer, look: str, *, spans: bool = False, number: int = 1, most: int = 6) -> Iterator[Part]:
    columns, rows = writer.random.randint(3, most), writer.random.randint(4, 9)
    made = _with_spans(writer, rows, columns) if spans else _plain_rows(writer, rows, columns)
    caption = Part(label="caption", text=f"Table {number}: {writer.sentence()}")
    body = Part(label="table", rows=tuple(made), look=look)
    yield from (caption, body) if writer.random.random() < 0.7 else (body,)


def text_table(writer: Writer, look: str) -> Iterator[Part]:
    """A table of words whose cells run over several lines."""
    rows = [tuple((writer.phrase(1, 2), 1, 1) for _ in range(3))]
    rows += [
        ((writer.phrase(1, 2), 1, 1), (writer.phrase(6, 16), 1, 1), (writer.phrase(1, 5), 1, 1))
        for _ in range(writer.random.randint(3, 5))
    ]
    yield Part(label="table", rows=tuple(rows), look=look)


def picture(writer: Writer, number: int) -> Iterator[Part]:
    yield Part(label="picture")
    yield Part(label="caption", text=f"Figure {number}: {writer.sentence()}")


def report(seed: int) -> Source:
    writer = Writer(f"report{seed}")
    numbers = Numbers(("none", "dotted", "full")[seed % 3])
    parts = [Part(label="heading", text=writer.phrase(3, 7), level=1)]
    for chapter in range(3):
        parts += [heading(writer, numbers, 1), *prose(writer, 2), *items(writer, nested=chapter == 1)]
        parts += [heading(writer, numbers, 2), *prose(writer, 1), *table(writer, LOOKS[(seed + chapter) % 4])]
        parts += [heading(writer, numbers, 2), *prose(writer, 2)]
    return Source(
        name=f"report-{seed}",
        kind="docx",
        parts=tuple(parts),
        font=FONTS[seed % 6],
        size=(10, 11, 12)[seed % 3],
        heading=("size", "colour", "bold")[seed % 3],
        header=writer.phrase(3, 5) if seed % 2 else "",
    )


def paper(seed: int) -> Source:
    writer = Writer(f"paper{seed}")
    numbers = Numbers("dotted" if seed % 2 else "full")
    parts = [Part(label="heading", text=writer.phrase(5, 9), level=1), *prose(writer, 1)]
    for section in range(4):
        parts += [heading(writer, numbers, 2), *prose(writer, 3)]
        if section == 1:
            parts += [Part(label="footnote", text=writer.sentence()), *picture(writer, 1)]
        if section == 2:
            parts += table(writer, "booktabs" if seed % 2 else "ruled", spans=seed % 2 == 0, most=4)
        parts += [heading(writer, numbers, 3), *prose(writer, 2)]
    return Source(
        name=f"paper-{seed}",
        kind="docx",
        parts=tuple(parts),
        columns=2,
        font=FONTS[(seed * 2) % 6],
        size=9 + seed % 2,
        justified=True,
        header=writer.phrase(3, 5),
    )


def memo(seed: int) -> Source:
    writer = Writer(f"memo{seed}")
    parts = []
    for _ in range(4):
        parts += [Part(label="heading", text=writer.phrase(2, 5), level=1), *prose(writer, 2)]
        parts += items(writer, nested=True)
    return Source(
        name=f"memo-{seed}",
        kind="docx",
        parts=tuple(parts),
        font=FONTS[(seed + 1) % 6],
        size=11,
        heading=("bold", "fake")[seed % 2],
    )


def manual(seed: int) -> Source:
    writer = Writer(f"manual{seed}")
    numbers = Numbers("dotted")
    parts = [Part(label="heading", text=writer.phrase(2, 5), level=1)]
    for chapter in range(3):
        parts += [heading(writer, numbers, 2), *prose(writer, 2), *items(writer, nested=True)]
        parts += [Part(label="code", text=CODE[(seed + chapter) % 3]), *prose(writer, 1)]
        parts += text_table(writer, LOOKS[(seed + chapter) % 2 * 3]) if chapter else ()
    return Source(name=f"manual-{seed}", kind="html" if seed % 2 else "docx", parts=tuple(parts), font=FONTS[seed % 6])


def statistics(seed: int) -> Source:
    writer = Writer(f"statistics{seed}")
    parts = [Part(label="heading", text=writer.phrase(2, 5), level=1)]
    for number in range(1, 7):
        parts += [Part(label="heading", text=writer.phrase(2, 4), level=2), *prose(writer, 1)]
        parts += table(writer, LOOKS[(seed + number) % 4], spans=number % 2 == 0, number=number)
    return Source(
        name=f"statistics-{seed}",
        kind="html" if seed % 3 == 2 else "docx",
        parts=tuple(parts),
        font=FONTS[(seed + 3) % 6],
        size=(9, 10.5, 12)[seed % 3],
        landscape=seed % 4 == 1,
    )


def book(seed: int) -> Source:
    writer = Writer(f"book{seed}", "de" if seed % 2 else "en")
    parts = []
    for _ in range(3):
        parts += [Part(label="heading", text=writer.phrase(2, 5), level=1), *prose(writer, 4)]
        parts += [Part(label="footnote", text=writer.sentence()), *prose(writer, 3)]
    return Source(
        name=f"book-{seed}",
        kind="docx",
        parts=tuple(parts),
        font=FONTS[(seed * 2) % 6],
        justified=True,
        header=writer.phrase(2, 4),
        language=writer.language,
    )


def mirrored(language: str, seed: int) -> Source:
    writer = Writer(f"{language}{seed}", language)
    numbers = Numbers("none")
    parts = []
    for part in range(3):
        parts += [heading(writer, numbers, 1 if part == 0 else 2), *prose(writer, 2), *items(writer)]
        if part == 1:
            parts.append(Part(label="table", rows=tuple(_plain_rows(writer, 5, 3)), look="ruled"))
    return Source(
        name=f"{language}-{seed}",
        kind="html" if seed % 3 == 2 else "docx",
        parts=tuple(parts),
        font={"ar": "Noto Naskh Arabic", "he": "Noto Serif Hebrew"}[language],
        size=12,
        language=language,
    )


def web(seed: int) -> Source:
    writer = Writer(f"web{seed}")
    parts = [Part(label="heading", text=writer.phrase(2, 5), level=1), *prose(writer, 1)]
    for part in range(3):
        parts += [Part(label="heading", text=writer.phrase(2, 5), level=2), *prose(writer, 2), *items(writer)]
        parts += table(writer, LOOKS[(seed + part) % 4], spans=part == 1, number=part + 1)
        parts += [Part(label="heading", text=writer.phrase(2, 4), level=3), *prose(writer, 1)]
        parts += picture(writer, part + 1) if part else ()
    return Source(name=f"web-{seed}", kind="html", parts=tuple(parts), font=FONTS[(seed + 1) % 6], size=11)


def slides(seed: int) -> Source:
    writer = Writer(f"slides{seed}")
    parts = []
    for number in range(5):
        parts.append(Part(label="heading", text=writer.phrase(2, 6), level=1))
        if number % 3 == 2:
            parts.append(Part(label="table", rows=tuple(_plain_rows(writer, 5, 4)), look="ruled"))
        else:
            parts += items(writer, nested=True)
    return Source(name=f"slides-{seed}", kind="pptx", parts=tuple(parts), font=FONTS[seed % 6], size=18)


def boxes(seed: int) -> Source:
    """Slides with two to four text boxes beside each other: a line above a list, a list, a few sentences."""
    writer = Writer(f"boxes{seed}")
    parts = []
    for _ in range(5):
        parts.append(Part(label="heading", text=writer.phrase(2, 6), level=1))
        for box in range(1, writer.random.randint(2, 4) + 1):
            parts += (attrs.evolve(part, box=box) for part in _box(writer))
    return Source(name=f"boxes-{seed}", kind="pptx", parts=tuple(parts), font=FONTS[seed % 6], size=14)


def _box(writer: Writer) -> Iterator[Part]:
    kind = writer.pick(("list", "list", "headed", "prose"))
    if kind == "prose":
        yield Part(label="text", text=writer.sentence())
        return
    if kind == "headed":
        yield Part(label="text", text=writer.phrase(1, 3))
    ordered = writer.random.random() < 0.5
    for _ in range(writer.random.randint(2, 5)):
        yield Part(label="list_item", text=writer.phrase(1, 4), level=0, ordered=ordered)


RECIPES: tuple[tuple[Callable[[int], Source], int], ...] = (
    (report, 6),
    (paper, 6),
    (memo, 4),
    (manual, 4),
    (statistics, 8),
    (book, 4),
    (lambda seed: mirrored("ar", seed), 3),
    (lambda seed: mirrored("he", seed), 3),
    (web, 4),
    (slides, 4),
    (boxes, 4),
)


def all_sources() -> list[Source]:
    """Return every document."""
    return [recipe(seed) for recipe, count in RECIPES for seed in range(count)]
