"""Legacy Office files, which LibreOffice turns into current ones when it is asked to."""

import shutil
import subprocess
from pathlib import Path

from docparse_doctags._formats import LEGACY
from docparse_doctags._refusal import refusal
from docparse_runner import Category, StageError

_STREAMS = (
    ("WordDocument", ".doc"),
    ("PowerPoint Document", ".ppt"),
    ("Workbook", ".xls"),
    ("Book", ".xls"),
)
"""The stream of an OLE container that each program writes its document into → how such files are named."""

_OPEN = "save it in a current format, or run again with --legacy-office --retry-quarantined"


def libreoffice() -> str | None:
    """Return the program, or None where it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def legacy_ending(data: bytes) -> str | None:
    """Return the ending of a legacy file by what is in its OLE container, or None."""
    return next((ending for name, ending in _STREAMS if name.encode("utf-16-le") in data), None)


def refused_legacy(ending: str) -> StageError:
    """Return the failure of a legacy file where LibreOffice was not asked for."""
    return refusal(f"the file is a legacy Office file ({ending}): {_OPEN}")


def modernised(path: Path, ending: str, scratch: Path) -> tuple[Path, str]:
    """Return a copy of a legacy file in a current format, and docling's name for that.

    LibreOffice gets a profile of its own that is thrown away: macros stay off, as they are by default, and nothing of
    the user's is read or changed. It dies with the worker at the item's deadline.

    Args:
        path: the file.
        ending: what kind of legacy file it is: ``.doc``, ``.ppt``, ``.rtf`` or ``.xls``.
        scratch: a folder for the copy.

    Raises:
        StageError: LibreOffice is not installed, or cannot read the file.
    """
    program = libreoffice()
    if program is None:
        msg = "--legacy-office needs LibreOffice, and there is no soffice on the PATH: install it"
        raise StageError(msg, category=Category.CONFIG)
    kind = LEGACY[ending]
    source = scratch / f"document{ending}"
    shutil.copyfile(path, source)
    words = [program, f"-env:UserInstallation={(scratch / 'profile').as_uri()}", "--headless", "--norestore"]
    done = subprocess.run(
        [*words, "--convert-to", kind, "--outdir", str(scratch), str(source)],
        capture_output=True,
        check=False,
        cwd=scratch,
    )
    made = scratch / f"document.{kind}"
    if not made.exists():
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        msg = f"LibreOffice cannot read the {ending} file: it is damaged, or has a password"
        raise refusal(msg, detail=said)
    return made, kind
