"""Weight, slant and pitch of a font, by its name: the only style that a PDF's text layer carries."""

import re
from functools import lru_cache

import attrs
from docling.utils.font_style import parse_font_style

_BOLD = 600
"""Weights from semi-bold on stand out as bold."""

_SUBSET = re.compile(r"^/?(?:[A-Z]{6}\+)?")
_TEX_BOLD = re.compile(r"^(?:CMB|CMSSB|SFBX|SFSX|EBBX)|^Nimbus.*Medi", re.IGNORECASE)
"""TeX's fonts name weight in codes that docling's parser leaves alone, as ``SFBX1000`` and ``NimbusRomNo9L-Medi``."""

_TEX_ITALIC = re.compile(r"^(?:CMTI|CMSL|CMBXTI|SFTI|SFSL)|Ital$", re.IGNORECASE)
_MONO = re.compile(r"mono|courier|consol|typewriter|menlo|^(?:CMTT|SFTT|CMSLTT)", re.IGNORECASE)


@attrs.frozen
class Font:
    """How a font looks.

    Attributes:
        bold: semi-bold or heavier.
        italic: italic, oblique or slanted.
        mono: every letter has the same width.
    """

    bold: bool = False
    italic: bool = False
    mono: bool = False


@lru_cache(maxsize=1024)
def font_of(name: str | None) -> Font:
    """Return how the font of that PDF name looks; an unknown name is a regular font."""
    bare = _SUBSET.sub("", name or "", count=1)
    style = parse_font_style(bare)
    return Font(
        bold=style.weight >= _BOLD or _TEX_BOLD.search(bare) is not None,
        italic=style.italic or _TEX_ITALIC.search(bare) is not None,
        mono=_MONO.search(bare) is not None,
    )
