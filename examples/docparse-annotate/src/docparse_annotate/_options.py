"""The options of the stage."""

import attrs
from docparse_runner import option


@attrs.frozen(kw_only=True)
class Options:
    """Each field is a flag, a variable and a key of docparse.toml.

    Attributes:
        url: where the service takes documents.
        model: which of its models the service is to use.
        patience_s: how long the service may be silent, in seconds.
        token: what the service knows its user by.
    """

    url: str = option("", help="Where the service takes documents.", affects_output=False, default_text="none")
    model: str = option("default", help="Which of its models the service is to use.")
    patience_s: float = option(
        30.0, help="How long the service may be silent.", unit="seconds", gt=0, affects_output=False
    )
    token: str | None = option(None, help="What the service knows you by.", secret=True)
