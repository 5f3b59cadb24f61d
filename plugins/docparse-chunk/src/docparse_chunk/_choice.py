"""Which tokenizer counts: the embedding model's own, unless ``--tokenizer`` names another."""

from importlib.util import find_spec

import attrs

from docparse_chunk._models import TokenizerFile, find_tokenizer
from docparse_chunk._tokens import (
    APPROXIMATE,
    ApproximateCounter,
    HuggingFaceCounter,
    TiktokenCounter,
    TokenCounter,
    TokieCounter,
)
from docparse_runner import Category, StageError

_TIKTOKEN = "tiktoken"
_TOKIE = "tokie"


@attrs.frozen(kw_only=True)
class Choice:
    """A tokenizer that was chosen.

    Attributes:
        library: what reads it: ``tokenizers``, ``tiktoken``, ``tokie``, or ``approximate``.
        name: of the encoding, for ``tiktoken``.
        file: the tokenizer's file, for ``tokenizers`` and ``tokie``.
    """

    library: str
    name: str = ""
    file: TokenizerFile | None = None

    def digest(self) -> str:
        """Return what tells this tokenizer from others; the library does not matter where counts are the same."""
        return self.file.digest() if self.file is not None else self.name

    def open(self) -> TokenCounter:
        """Return the tokenizer, loaded.

        Raises:
            StageError: of category ``config``: it cannot be loaded.
        """
        if self.library == _TIKTOKEN:
            return TiktokenCounter(self.name)
        if self.file is None:
            return ApproximateCounter()
        kind = TokieCounter if self.library == _TOKIE else HuggingFaceCounter
        try:
            return kind(self.file.name, self.file.path, self.file.limit)
        except Exception as error:  # both libraries are Rust and raise nothing narrower
            msg = f"{self.file.path} cannot be read by {self.library}: {error}"
            raise StageError(msg, category=Category.CONFIG) from error


def choose(model: str | None, tokenizer: str | None) -> Choice:
    """Return the tokenizer that is meant.

    Args:
        model: the embedding model: a folder, a name at the model hub, or None for the default one.
        tokenizer: what counts instead of the model's own: a folder or a name likewise, ``tiktoken:NAME``, ``tokie``
            or ``tokie:FOLDER`` to count with that library, ``approximate``; or None.

    Raises:
        StageError: of category ``config``: it is not on this machine.
    """
    library, _, name = (tokenizer or "").partition(":")
    if library == _TIKTOKEN:
        if not name:
            msg = "--tokenizer tiktoken: needs the name of an encoding or an OpenAI model, as in tiktoken:cl100k_base"
            raise StageError(msg, category=Category.CONFIG)
        return Choice(library=_TIKTOKEN, name=name)
    if tokenizer == APPROXIMATE:
        return Choice(library=APPROXIMATE)
    if library == _TOKIE:
        if find_spec(_TOKIE) is None:
            msg = f"--tokenizer {tokenizer} needs tokie: pip install 'docparse-chunk[tokie]'"
            raise StageError(msg, category=Category.CONFIG)
        file = find_tokenizer(name or model)
    else:
        file = find_tokenizer(tokenizer or model)
    if file is None:
        return Choice(library=APPROXIMATE)
    return Choice(library=_TOKIE if library == _TOKIE else "tokenizers", file=file)
