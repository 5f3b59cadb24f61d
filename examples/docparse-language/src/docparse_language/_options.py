"""The options of the stage."""

import attrs
from docparse_runner import option


@attrs.frozen(kw_only=True)
class Options:
    """Each field is a flag, a variable and a key of docparse.toml.

    Attributes:
        among: codes of the languages that come into question; none means all that the model knows.
        min_confidence: a chunk whose language is less probable is undetermined, ``und``.
    """

    among: tuple[str, ...] = option(
        (), help="A language that comes into question, de for example; may be given several times.", default_text="all"
    )
    min_confidence: float = option(0.5, help="A chunk whose language is less probable is undetermined.", ge=0, le=1)
