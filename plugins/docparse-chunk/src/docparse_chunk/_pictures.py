"""What a document tells of its pictures: in ``meta``, or in the annotations of older documents."""

from docparse_chunk._docling import Item, Table
from docparse_chunk._units import Picture, unique

PICTURES = frozenset({"picture", "chart"})
"""The labels of pictures."""

_CLASSES = 3
"""So many of the classes that a picture was taken for are kept, the likeliest."""


def descriptions(item: Item) -> list[str]:
    """Return the texts that describe a picture, each once."""
    texts = [note.text for note in item.annotations if note.kind == "description"]
    if item.meta is not None and item.meta.description is not None:
        texts.append(item.meta.description.text)
    return unique(text.strip() for text in texts if text and text.strip())


def chart(item: Item) -> Table | None:
    """Return the numbers behind a chart."""
    if item.meta is not None and item.meta.tabular_chart is not None:
        return item.meta.tabular_chart.chart_data
    return next((note.chart_data for note in item.annotations if note.chart_data is not None), None)


def picture(item: Item) -> Picture:
    """Return what is known of a picture besides its place and its caption."""
    meta = item.meta
    classes = [each for note in item.annotations for each in note.predicted_classes]
    if meta is not None and meta.classification is not None:
        classes = meta.classification.predictions or classes
    molecule = meta.molecule.smi if meta is not None and meta.molecule is not None else ""
    likeliest = sorted(classes, key=lambda each: -(each.confidence or 0))[:_CLASSES]
    return Picture(
        descriptions=tuple(descriptions(item)),
        classes=tuple((each.class_name, each.confidence) for each in likeliest),
        molecule=molecule or next((note.smi for note in item.annotations if note.smi), ""),
    )
