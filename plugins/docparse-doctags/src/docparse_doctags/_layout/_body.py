"""What the running text of a document looks like: what headings and footnotes are measured against."""

from collections import Counter
from collections.abc import Iterable

import attrs

from docparse_doctags._layout._fonts import Font
from docparse_doctags._layout._lines import PageLines

_ONE_STYLE = 0.97
"""A document of which this share of the letters looks the same has nothing but words to tell headings by."""


@attrs.frozen(kw_only=True)
class Body:
    """The running text.

    Attributes:
        size: the most frequent height of letters, in points.
        font: the most frequent style.
        left: where most of it begins, in points from the left.
        plain: whether nearly everything looks like that, as in typewritten documents.
    """

    size: float
    font: Font
    left: float
    plain: bool


def body_of(pages: Iterable[PageLines]) -> Body:
    """Return the most frequent look, by letters, of all pages."""
    looks: Counter[tuple[float, Font]] = Counter()
    edges: Counter[int] = Counter()
    for page in pages:
        for line in page.lines:
            looks[round(line.size * 2) / 2, line.font] += len(line.text)
            edges[round(line.left)] += len(line.text)
    sizes: Counter[float] = Counter()
    fonts: Counter[Font] = Counter()
    for (size, font), letters in looks.items():
        sizes[size] += letters
        fonts[font] += letters
    if not looks:
        return Body(size=10.0, font=Font(), left=0.0, plain=True)
    most = looks.most_common(1)[0][1]
    return Body(
        size=sizes.most_common(1)[0][0],
        font=fonts.most_common(1)[0][0],
        left=float(edges.most_common(1)[0][0]),
        plain=most >= _ONE_STYLE * looks.total(),
    )
