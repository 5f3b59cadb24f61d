"""What a stage can do on a machine, and what would let it do more."""

from importlib.util import find_spec
from typing import Self

import attrs


@attrs.frozen(kw_only=True)
class Capability:
    """Something that a stage does where what it needs is installed.

    Attributes:
        name: one word or two, for example ``OCR``.
        summary: what it is good for, in half a sentence.
        enabled: whether it can be used here.
        remedy: what brings it, for example ``pip install 'docparse-doctags[ocr]'``; shown where it is not enabled.
    """

    name: str
    summary: str
    enabled: bool = True
    remedy: str = ""

    @classmethod
    def of_extra(cls, extra: str, *modules: str, name: str, summary: str) -> Self:
        """Return what an extra enables: it is enabled when all these top-level modules can be found.

        Args:
            extra: what to install, for example ``docparse-doctags[ocr]``.
            modules: what it brings, by the names that are imported; they are looked for, not imported.
            name: as above.
            summary: as above.
        """
        enabled = all(find_spec(module) is not None for module in modules)
        return cls(name=name, summary=summary, enabled=enabled, remedy=f"pip install '{extra}'")
