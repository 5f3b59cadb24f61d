"""Encodings of the library ``tiktoken``, from its cache alone: left to itself it downloads what is not there."""

from typing import Any

from docparse_runner import Category, StageError


class _NotCachedError(Exception):
    pass


def open_encoding(name: str) -> Any:
    """Return the encoding with this name, or the one of the OpenAI model with this name.

    Raises:
        StageError: of category ``config``: tiktoken is not installed, knows no such name, or has not cached it.
    """
    try:
        import tiktoken  # noqa: PLC0415 - compiled code that only workers need, and only some users have
    except ImportError:
        msg = f"--tokenizer tiktoken:{name} needs tiktoken: pip install 'docparse-chunk[tiktoken]'"
        raise StageError(msg, category=Category.CONFIG) from None
    import tiktoken.load  # noqa: PLC0415 - as above

    read, tiktoken.load.read_file = tiktoken.load.read_file, _refuse
    try:
        return tiktoken.get_encoding(tiktoken.model.MODEL_TO_ENCODING.get(name, name))
    except _NotCachedError:
        msg = (
            f"the encoding {name!r} is not in tiktoken's cache (TIKTOKEN_CACHE_DIR); fetch it once with "
            f"python -c \"import tiktoken; tiktoken.get_encoding('{name}')\""
        )
        raise StageError(msg, category=Category.CONFIG) from None
    except ValueError:
        known = ", ".join(sorted(tiktoken.list_encoding_names()))
        msg = f"tiktoken has no encoding or model {name!r}; encodings: {known}"
        raise StageError(msg, category=Category.CONFIG) from None
    finally:
        tiktoken.load.read_file = read


def _refuse(blobpath: str) -> bytes:  # noqa: ARG001 - the name that tiktoken calls it by
    raise _NotCachedError
