"""Office files and EPUBs: what is inside the zip archive, and whether it may be opened."""

import errno
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from docparse_doctags._refusal import AGAIN, refusal

_ENCRYPTED_FLAG = 0x1
_MEMBERS = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
_MIMETYPES = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/epub+zip": "epub",
}
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)
"""What ``zipfile`` raises on archives that are damaged, where ``opened`` opens them."""

_SMALL = 1_000_000
"""More than any honest ``mimetype`` or ODF ``manifest.xml`` needs, in bytes."""


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive to read in it, here and inside the block.

    Raises:
        BadZipFile: an offset in it lies before its start, of which ``zipfile`` makes an ``OSError``.
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        msg = f"an offset lies before the start: {error}"
        raise zipfile.BadZipFile(msg) from error


def archive_format(path: Path, *, max_unpacked_mb: float) -> str:
    """Return docling's name for the document in a zip archive.

    The declared sizes of the members bound what a zip bomb can unpack to: ``zipfile``, with which docling's readers of
    all these formats open them, never reads past the declared size.

    Raises:
        StageError: of category ``input``: damaged, encrypted, a bomb, or not a document.
    """
    try:
        with opened(path) as archive:
            members = archive.infolist()
            _refuse_bombs(members, max_unpacked_mb)
            found = _format_of(archive, [member.filename for member in members])
            encrypted = _is_encrypted(archive, members)
    except DAMAGE as error:
        msg = f"the file is a zip archive that cannot be opened, so it is truncated or damaged ({error})"
        raise refusal(msg) from None
    if encrypted:
        msg = "the document is encrypted: save it without a password"
        raise refusal(msg)
    if found is None:
        msg = "the file is a zip archive, but there is no Office document, OpenDocument or EPUB in it"
        raise refusal(msg)
    return found


def _refuse_bombs(members: Sequence[zipfile.ZipInfo], max_unpacked_mb: float) -> None:
    unpacked_mb = sum(member.file_size for member in members) / 1e6
    if unpacked_mb > max_unpacked_mb:
        limit = f"--max-unpacked-mb {max_unpacked_mb:g}"
        msg = f"the file unpacks to {unpacked_mb:,.0f} MB, more than the limit {limit}: {AGAIN}"
        raise refusal(msg)


def _format_of(archive: zipfile.ZipFile, names: Sequence[str]) -> str | None:
    if "mimetype" in names and archive.getinfo("mimetype").file_size <= _SMALL:
        declared = archive.read("mimetype").decode("ascii", "replace").strip()
        if declared.removesuffix("-template") in _MIMETYPES:
            return _MIMETYPES[declared.removesuffix("-template")]
    return next((found for folder, found in _MEMBERS if any(name.startswith(folder) for name in names)), None)


def _is_encrypted(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> bool:
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        return True
    manifest = next((member for member in members if member.filename == "META-INF/manifest.xml"), None)
    return manifest is not None and manifest.file_size <= _SMALL and b"encryption-data" in archive.read(manifest)
