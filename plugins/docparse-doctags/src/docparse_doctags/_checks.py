"""What is looked at before docling sees a document."""

from pathlib import Path

from docparse_doctags._archive import archive_format
from docparse_doctags._formats import BINARY, EXTENSIONS, ending_of
from docparse_doctags._options import Options
from docparse_doctags._refusal import AGAIN, refusal
from docparse_doctags._sniff import HEAD_BYTES, sniff

_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""The stream of an OLE container in which Office keeps a document that has a password (MS-OFFCRYPTO 2.3.4.4)."""


def checked_format(path: Path, options: Options) -> str:
    """Return docling's name for the format of a file, by its content, and by its name where content does not tell.

    A PDF or an office document is taken for what it is, whatever its name. Text under the name of a PDF or an office
    document is refused: it is what a failed download leaves behind.

    Raises:
        StageError: of category ``input``: empty, too large, encrypted, damaged, or not what it is named.
        OSError: the file cannot be read.
    """
    _check_size(path, options.max_file_mb)
    ending = ending_of(path.name)
    named = EXTENSIONS.get(ending)
    with path.open("rb") as file:
        content = sniff(file.read(HEAD_BYTES), lenient_pdf=named == "pdf")
    if content.kind == "pdf":
        return "pdf"
    if content.kind == "zip":
        return archive_format(path, max_unpacked_mb=options.max_unpacked_mb)
    if content.kind == "ole":
        raise refusal(_ole_problem(path))
    if content.kind == "other" or named in BINARY:
        msg = f"the file is named {ending} but its content is {content.label}"
        raise refusal(msg)
    if named is None:
        msg = f"the file is {content.label} and its name {path.suffix or 'without an ending'} says no more"
        raise refusal(msg)
    return named


def _check_size(path: Path, max_file_mb: float) -> None:
    size = path.stat().st_size
    if size == 0:
        msg = "the file is empty"
        raise refusal(msg)
    if size > max_file_mb * 1e6:
        msg = f"the file has {size / 1e6:,.1f} MB, more than the limit --max-file-mb {max_file_mb:g}: {AGAIN}"
        raise refusal(msg)


def _ole_problem(path: Path) -> str:
    if _ENCRYPTED_PACKAGE in path.read_bytes():
        return "the Office document is encrypted: save it without a password"
    return "the file is a legacy Office file (.doc, .xls, .ppt or .msg): save it in a current format"
