"""The options of the stage."""

import attrs
from docparse_runner import option


@attrs.frozen(kw_only=True)
class Options:
    """Each field is a flag, a variable and a key of docparse.toml.

    Attributes:
        min_length: words with fewer characters are not counted.
    """

    min_length: int = option(1, help="Ignore shorter words.", unit="characters", ge=1)
