"""Documents that are not: each looks like a document by its name and cannot be opened."""

import io
import struct
import zlib

from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

_SIDE = 64


def truncated_pdf(whole: bytes) -> bytes:
    """Return the first third of a PDF, as an interrupted copy leaves it: no page tree, no catalog, no index."""
    return whole[: len(whole) // 3]


def encrypted_pdf() -> bytes:
    """Return a PDF that asks for a password before it shows anything."""
    target = io.BytesIO()
    lock = StandardEncryption("a password that nobody wrote down", ownerPassword="nor this one", strength=128)
    canvas = Canvas(target, pagesize=A4, invariant=1, encrypt=lock)
    canvas.setTitle("Sealed minutes")
    canvas.drawString(72, 770, "Whoever reads this line has found the password.")
    canvas.save()
    return target.getvalue()


def picture() -> bytes:
    """Return a small PNG, for a file whose name says that it is a Word document."""
    rows = b"".join(b"\0" + bytes((column * 4) ^ (row * 4) for column in range(_SIDE)) for row in range(_SIDE))
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, content) for kind, content in chunks)


def empty() -> bytes:
    """Return nothing, as a full disk leaves it."""
    return b""


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
