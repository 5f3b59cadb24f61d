"""Punctuation of the world's scripts, in one place: what ends a sentence, a clause, a quotation.

The values are pieces of character classes of regular expressions.
"""

FULL_STOPS = r"。！？｡．"  # noqa: RUF001 - Chinese and Japanese, followed by no space
SPACED_FULL_STOPS = r"؟۔।॥።፧։"  # noqa: RUF001 - Arabic, Urdu, Devanagari, Ethiopic, Armenian
CLOSING = r"\])\"'”’»›」』）】〉》"  # noqa: RUF001 - quotation marks are what is meant
COMMAS = r"，；：、،؛—"  # noqa: RUF001 - as above
DASHES = r"–—-"  # noqa: RUF001 - as above
COLONS = (":", "：")  # noqa: RUF001 - as above
BULLETS = r"•◦▪▫‣⁃∙·●○■□►*∞–—-"  # noqa: RUF001 - as above

NO_SPACE_BEFORE = frozenset(".,;:!?)]}%’”»…。，、；：！？）」』")  # noqa: RUF001 - as above
NO_SPACE_AFTER = frozenset("([{“«（「『")  # noqa: RUF001 - as above
POSSESSIVES = ("'s", "’s")  # noqa: RUF001 - as above

_FIRST_UNSPACED = "\u2e80"
_HANGUL = ("\uac00", "\ud7a3")


def is_unspaced(letter: str) -> bool:
    """Say whether a letter belongs to a script without spaces between words: Chinese or Japanese."""
    return letter >= _FIRST_UNSPACED and not _HANGUL[0] <= letter <= _HANGUL[1]
