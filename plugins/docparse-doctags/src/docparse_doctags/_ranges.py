"""A long PDF in parts: each is converted alone, so that the pages of one part only are in memory."""

from collections.abc import Iterator, Sequence

from docling_core.types.doc import DoclingDocument, PageItem, Size

_NOTHING = Size(width=0, height=0)


def parts_of(pages: tuple[int, int], count: int, at_once: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last page of each part of a PDF with `count` pages of which `pages` are wanted."""
    last = min(pages[1], count)
    for first in range(pages[0], last + 1, at_once):
        yield first, min(first + at_once - 1, last)


def joined(parts: Sequence[tuple[tuple[int, int], DoclingDocument]]) -> DoclingDocument:
    """Return one document of its parts, each with the pages that it was made of.

    docling-core counts the pages of a part on from those of the part before, and those of the first from 1: so it must
    find the first and the last page of each, also where they could not be read.
    """
    added = set()
    for number, part in ((1, parts[0][1]), *((page, part) for pages, part in parts for page in pages)):
        if number not in part.pages:
            part.pages[number] = PageItem(page_no=number, size=_NOTHING)
            added.add(number)
    documents = [part for _pages, part in parts]
    whole = DoclingDocument.concatenate(documents)
    whole.pages = {number: page for number, page in sorted(whole.pages.items()) if number not in added}
    source = next((part for part in documents if part.origin), documents[0])
    whole.name, whole.origin = source.name, source.origin
    return whole
