"""Documents whose structure is known, because they are written here: the parts, and the words in them."""

import random
from collections.abc import Sequence

import attrs

ENGLISH = (
    "harbour tide gauge water level record station storm keeper float clock paper drum pier lock moon sun ocean range "
    "pilot ship depth year month day hour table figure method result value error mean sample series model signal noise "
    "coast river flood wind wave current survey chart bench mark datum sensor cable office efficient official traffic "
    "observation measurement calibration international organisation characteristic temperature pressure instrument "
    "the a of and in to with for from by on at as is was are were has had that this which when where while after "
    "before every each several many few long short high low early late slow quick new old large "
    "small northern southern "
    "annual shows finds records measures compares begins ends rises falls follows depends changes remains explains "
    "suggests"
)
GERMAN = (
    "Hafen Pegel Wasser Stunde Küste Sturm Messung Größe Straße Fluss Länge Höhe Tiefe Jahr Monat Schiff Lotse Uhr "
    "Aufzeichnung Beobachtung Vermessung Wasserstandsvorhersage Gezeitenkalender Veröffentlichung Zusammenhang der die "
    "das und in zu mit von auf ist war hat nicht auch nach vor über unter zwischen während jeder viele wenige lange "
    "hohe niedrige zeigt misst beginnt endet steigt fällt folgt bleibt erklärt"
)
ARABIC = (
    "الميناء المد البحر الماء مستوى السجل المحطة العاصفة الحارس الساعة الورق القمر الشمس المحيط السفينة العمق السنة "
    "الشهر اليوم الجدول الطريقة النتيجة القيمة القياس الساحل النهر الفيضان الرياح الموج من في على إلى عن مع هذا هذه "
    "التي الذي كان كل بعد قبل بين يمكن أن يكون استخدام تحليل البيانات بشكل كبير جديد قديم"
)
HEBREW = (
    "הנמל הגאות הים המים מפלס הרישום התחנה הסערה השומר השעון הנייר הירח השמש האוקיינוס האונייה העומק השנה החודש היום "
    "הטבלה השיטה התוצאה הערך המדידה החוף הנהר השיטפון הרוח הגל של על אל עם זה זאת אשר היה כל אחרי לפני בין יכול להיות "
    "שימוש ניתוח הנתונים גדול חדש ישן"
)
LANGUAGES = {"en": ENGLISH.split(), "de": GERMAN.split(), "ar": ARABIC.split(), "he": HEBREW.split()}


@attrs.frozen(kw_only=True)
class Part:
    """One item of a document.

    Attributes:
        label: heading, text, list_item, code, table, caption, footnote or picture.
        text: what it says; the lines of code.
        level: of a heading, from 1; depth of a list item, from 0.
        ordered: whether a list item is numbered.
        rows: of a table: (text, row span, column span) of each cell that begins there.
        look: of a table: ruled, booktabs, open (no lines) or banded (a line below each row).
        box: of a slide: in which of its text boxes, which stand beside each other; 0 for the one that fills it.
    """

    label: str
    text: str = ""
    level: int = 1
    ordered: bool = False
    rows: tuple[tuple[tuple[str, int, int], ...], ...] = ()
    look: str = "ruled"
    box: int = 0

    def grid(self) -> list[list[str]]:
        """Return the text at every row and column of a table, spans repeated."""
        taken: dict[tuple[int, int], str] = {}
        for row, cells in enumerate(self.rows):
            column = 0
            for text, down, across in cells:
                while (row, column) in taken:
                    column += 1
                taken |= {(row + i, column + j): text for i in range(down) for j in range(across)}
        width = 1 + max(column for _, column in taken)
        return [[taken.get((row, column), "") for column in range(width)] for row in range(len(self.rows))]

    def places(self) -> list[list[tuple[int, str, int, int]]]:
        """Return (column, text, row span, column span) of each cell, row by row."""
        taken: set[tuple[int, int]] = set()
        found = []
        for row, cells in enumerate(self.rows):
            column, line = 0, []
            for text, down, across in cells:
                while (row, column) in taken:
                    column += 1
                taken |= {(row + i, column + j) for i in range(down) for j in range(across)}
                line.append((column, text, down, across))
            found.append(line)
        return found


@attrs.frozen(kw_only=True)
class Source:
    """One document.

    Attributes:
        name: without an ending; says the kind and the number.
        kind: docx, html or pptx.
        parts: in reading order; a footnote follows the text that it is a note to.
        columns: of the text below the first heading.
        font: of the text.
        size: of the text, in points.
        heading: how headings stand out: ``size``, ``bold`` (in the size of the text), ``colour`` (size, not bold) or
            ``fake`` (bold text without a heading's style, as many people write them).
        justified: with hyphenation.
        landscape: wide pages.
        header: running header; empty for none.
        language: en, de, ar or he.
    """

    name: str
    kind: str
    parts: tuple[Part, ...]
    columns: int = 1
    font: str = "Liberation Serif"
    size: float = 10.5
    heading: str = "size"
    justified: bool = False
    landscape: bool = False
    header: str = ""
    language: str = "en"

    @property
    def mirrored(self) -> bool:
        """Return whether it reads from right to left."""
        return self.language in {"ar", "he"}


class Writer:
    """Makes up text, the same for the same seed."""

    def __init__(self, seed: str, language: str = "en") -> None:
        self.random = random.Random(seed)
        self.words = LANGUAGES[language]
        self.language = language

    def phrase(self, least: int, most: int) -> str:
        """Return a few words, as in a heading or a cell."""
        text = " ".join(self.random.choice(self.words) for _ in range(self.random.randint(least, most)))
        return text[0].upper() + text[1:]

    def sentence(self) -> str:
        """Return a sentence."""
        words = [self.random.choice(self.words) for _ in range(self.random.randint(6, 22))]
        if self.random.random() < 0.3:
            words.insert(len(words) // 2, f"{self.random.randint(2, 999)}")
        if self.random.random() < 0.12 and self.language in {"ar", "he"}:
            words.insert(len(words) // 3, self.random.choice(["Python", "R", "PDF", "GPS"]))
        if self.random.random() < 0.4:
            words[len(words) // 3] += "،" if self.language == "ar" else ","
        if self.random.random() < 0.15:
            words[-2] = f"({words[-2]})"
        text = " ".join(words) + self.random.choice("...." if self.language != "en" else "....?")
        return text[0].upper() + text[1:]

    def paragraph(self, least: int = 2, most: int = 7) -> str:
        """Return a few sentences."""
        return " ".join(self.sentence() for _ in range(self.random.randint(least, most)))

    def number(self) -> str:
        """Return a figure as tables have them."""
        return self.random.choice(
            [
                f"{self.random.uniform(0, 9):.2f}",
                f"{self.random.randint(0, 99999):,}",
                f"{self.random.uniform(0, 100):.1f}%",
                f"-{self.random.uniform(0, 3):.3f}",
                "\u2013",
            ]
        )

    def pick(self, choices: Sequence[str]) -> str:
        """Return one of some strings."""
        return self.random.choice(choices)
