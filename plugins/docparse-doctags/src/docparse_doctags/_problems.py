"""docling's errors in the words of the person who owns the document."""

import re
import traceback
import zipfile
import zlib
from collections.abc import Sequence

from docling.datamodel.base_models import InputFormat
from docling.datamodel.document import (
    ConversionResult,
    InputDocument,
    build_invalid_input_errors,
    get_input_rejection_cause,
)
from docling.exceptions import DocumentLoadError

from docparse_doctags._refusal import refusal
from docparse_runner import StageError

DAMAGE = (AttributeError, LookupError, SyntaxError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)
"""What parsers raise on damaged documents. When they open one, most of docling's readers turn it into an error of
docling's; the OpenDocument reader does not (1,600 mutated documents of every format)."""

NO_ANSWER = "VLM inference failed"
"""What docling says of a page when the endpoint of a vision-language model refuses or is not there."""

_PREFIX = re.compile(r"^Page failed to parse: (?:Error \w+ page \d+: )?")
"""What docling says of every page that it gives up; it counts them from 0 here and from 1 elsewhere."""

_SHOWN = 3
"""How many problems of one document a message lists."""


_EXPECTED = {
    InputFormat.JSON_DOCLING: "a DoclingDocument",
    InputFormat.VTT: "WebVTT: it does not begin with WEBVTT",
    InputFormat.XML_JATS: "a JATS article: it has no DOCTYPE of a JATS archive or journal",
}
"""What docling requires of formats for which its own message says nothing."""


def listed(problems: Sequence[str]) -> str:
    """Return the first few problems as one sentence, and how many more there are."""
    more = len(problems) - _SHOWN
    return "; ".join(problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def unreadable(given: InputDocument) -> StageError:
    """Return the failure of a document that docling refused to open."""
    if given.format is InputFormat.PDF and given.page_count == 0:
        message = "the PDF cannot be opened: it is truncated or damaged"
        return refusal(message, detail=_trace(get_input_rejection_cause(given)))
    if given.format in _EXPECTED:
        return refusal(f"the file is not {_EXPECTED[given.format]}", detail=_trace(get_input_rejection_cause(given)))
    cause = get_input_rejection_cause(given)
    origin = cause.__cause__ if cause else None
    [problem] = build_invalid_input_errors(given)
    told = _told(origin) if origin else _without_noise(problem.error_message, given)
    return refusal(f"docling cannot read it as {given.format.value}: {told}", detail=_trace(cause))


def unconvertible(error: BaseException) -> StageError:
    """Return the failure of a document at which one of docling's readers stumbled."""
    origin = error.__cause__ if isinstance(error, DocumentLoadError) else None
    return refusal(f"docling cannot convert it: {_told(origin or error)}", detail=_trace(error))


def failed(result: ConversionResult) -> StageError:
    """Return the failure of a document of which nothing could be converted."""
    problems = given_up(result) or ["docling gives no reason"]
    return refusal(f"nothing in the document can be read: {problems[0]}", detail="\n".join(problems))


def given_up(result: ConversionResult) -> list[str]:
    """Return what docling could not convert, one clause for each page or part."""
    return [
        (f"page {error.page_no}: " if error.page_no else "") + _without_noise(error.error_message, result.input)
        for error in result.errors
    ]


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _without_noise(message: str, given: InputDocument) -> str:
    """Return a message of docling's without digests and paths, which name what the manifest row names already."""
    for noise in (f" of key={given.file}", f" for file with hash {given.document_hash}", f" {given.document_hash}"):
        message = message.replace(noise, "")
    return _PREFIX.sub("", message).strip().removesuffix(".")


def _trace(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error)) if error else ""
