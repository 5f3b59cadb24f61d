"""What the stage can do here, and what would let it do more."""

from collections.abc import Iterator

from docparse_runner import Capability

_PACKAGE = "docparse-chunk"


def capabilities() -> Iterator[Capability]:
    """Yield what each extra enables; packages are only looked for."""
    yield Capability.of_extra(
        f"{_PACKAGE}[parquet]", "pyarrow", name="Parquet", summary="chunks in typed columns, --format parquet"
    )
    yield Capability.of_extra(
        f"{_PACKAGE}[tiktoken]", "tiktoken", name="tiktoken", summary="tokenizers of models behind an API, --tokenizer"
    )
    yield Capability.of_extra(
        f"{_PACKAGE}[tokie]", "tokie", name="tokie", summary="the same counts, faster, --tokenizer tokie"
    )
    yield Capability.of_extra(
        f"{_PACKAGE}[docling]",
        *("docling_core", "transformers", "semchunk"),
        name="docling's chunker",
        summary="to compare with, --chunker docling-hybrid",
    )
