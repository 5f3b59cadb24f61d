"""The work on one document."""

from collections import Counter
from collections.abc import Callable

from docparse_runner import ItemOutcome, SkipItem, StageContext, StageError, WorkItem, read_rows, write_rows
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from docparse_language._options import Options

Identify = Callable[[str], tuple[str, float]]


def open_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Return the function that does one document; the model, which takes a second to open, is opened here."""
    identify = _identifier(context.options)

    def work(item: WorkItem) -> ItemOutcome:
        texts = [str(row.get("text", "")) for row in read_rows(item.inputs["chunks"])]
        lengths = _lengths(identify, [text for text in texts if text.strip()])
        if not lengths:
            reason = "it has no text"
            raise SkipItem(reason)
        rows = [{"language": language, "characters": length} for language, length in lengths.most_common()]
        write_rows(item.outputs["languages"], rows)
        return ItemOutcome.success(language=rows[0]["language"], languages=len(rows))

    return work


def _identifier(options: Options) -> Identify:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True, min_confidence=options.min_confidence)
    if options.among:
        try:
            model.set_languages(list(options.among))
        except ValueError as error:
            msg = f"--among: {error}"
            raise StageError(msg, category="config") from error
    identify: Identify = model.classify
    return identify


def _lengths(identify: Identify, texts: list[str]) -> Counter[str]:
    """Return language → how many characters are written in it."""
    lengths: Counter[str] = Counter()
    for text in texts:
        language, _confidence = identify(text)
        lengths[language] += len(text)
    return lengths
