"""What is looked at before docling sees a document."""

from pathlib import Path

from docparse_doctags._archive import archive_format
from docparse_doctags._formats import BINARY, EXTENSIONS, GENERIC, IMAGES, LEGACY, ending_of
from docparse_doctags._legacy import legacy_ending
from docparse_doctags._limits import check_shape
from docparse_doctags._options import Options
from docparse_doctags._refusal import AGAIN, refusal
from docparse_doctags._sniff import HEAD_BYTES, Content, sniff
from docparse_doctags._text_kind import text_kind
from docparse_runner import SkipItem

_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""The stream of an OLE container in which Office keeps a document that has a password (MS-OFFCRYPTO 2.3.4.4)."""

_OUTLOOK = "__properties_version1.0".encode("utf-16-le")
"""The stream of an OLE container in which Outlook keeps a message (MS-OXMSG 2.4)."""


def checked_format(path: Path, options: Options) -> str:
    """Return docling's name for the format of a file, by its content, and by its name where content does not tell.

    A PDF or an office document is taken for what it is, whatever its name. Text under the name of a PDF or an office
    document is refused: it is what a failed download leaves behind. A legacy Office file is called by its ending, such
    as ``.doc``, which is no format of docling's.

    Raises:
        StageError: of category ``input``: empty, too large, encrypted, damaged, or not what it is named.
        SkipItem: an XML or JSON file that is no document.
        OSError: the file cannot be read.
    """
    _check_size(path, options.max_file_mb)
    kind = _format(path, options)
    if not kind.startswith(".") and kind not in {"pdf", "image"}:
        check_shape(path, kind, max_text_mb=options.max_text_mb, max_cells=options.max_cells)
    return kind


def _format(path: Path, options: Options) -> str:
    ending = ending_of(path.name)
    named = EXTENSIONS.get(ending)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    content = sniff(head, lenient_pdf=named == "pdf")
    if content.kind == "zip":
        return archive_format(path, max_unpacked_mb=options.max_unpacked_mb)
    if content.kind == "ole":
        return _ole_format(path)
    if content.kind == "rtf":
        return ".rtf"
    if content.kind == "pdf" or (content.kind == "image" and named not in BINARY):
        return content.kind
    if content.kind in {"other", "image"} or _is_binary_name(path, named):
        msg = f"the file is named {ending or path.suffix} but its content is {content.label}"
        raise refusal(msg)
    return _text_format(path, named, head, content)


def _is_binary_name(path: Path, named: str | None) -> bool:
    return named in BINARY or path.suffix.lower() in IMAGES or path.suffix.lower() in LEGACY


def _text_format(path: Path, named: str | None, head: bytes, content: Content) -> str:
    kind = named or text_kind(head) or ("html" if content.kind == "html" else None)
    if kind is not None:
        return kind
    if path.suffix.lower() in GENERIC:
        msg = f"the {path.suffix} file is no document: not JATS, DocLang, USPTO or docling's own"
        raise SkipItem(msg)
    msg = f"the file is {content.label} and its name {path.suffix or 'without an ending'} says no more"
    raise refusal(msg)


def _check_size(path: Path, max_file_mb: float) -> None:
    size = path.stat().st_size
    if size == 0:
        msg = "the file is empty"
        raise refusal(msg)
    if size > max_file_mb * 1e6:
        msg = f"the file has {size / 1e6:,.1f} MB, more than the limit --max-file-mb {max_file_mb:g}: {AGAIN}"
        raise refusal(msg)


def _ole_format(path: Path) -> str:
    data = path.read_bytes()
    if _ENCRYPTED_PACKAGE in data:
        msg = "the Office document is encrypted: save it without a password"
        raise refusal(msg)
    if _OUTLOOK in data:
        return "email"
    ending = legacy_ending(data)
    if ending is None:
        msg = "the file is an OLE container without a document of Word, Excel or PowerPoint in it"
        raise refusal(msg)
    return ending
