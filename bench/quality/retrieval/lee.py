"""A judged collection out of a package: 50 news items, each pair of which people compared.

    pip download --no-deps gensim
    python bench/quality/retrieval/lee.py gensim-*.whl FOLDER
    python bench/quality/retrieval/run.py --collection FOLDER

The judgements are those of Lee, Pincombe and Welsh, "An empirical evaluation of models of text document similarity"
(2005), which gensim has among the data of its tests. Each item asks for the items that it was found like: a mean
similarity of .5 or more is grade 1, of .75 or more grade 2.
"""

import json
import sys
from itertools import product
from pathlib import Path
from zipfile import ZipFile

FOLDER = "gensim/test/test_data"


def read(wheel: Path) -> tuple[list[str], list[list[float]]]:
    """Return the items, and for each pair of them the mean similarity, of which the upper triangle is filled."""
    with ZipFile(wheel) as archive:
        texts = archive.read(f"{FOLDER}/lee.cor").decode("utf-8", "replace").splitlines()
        lines = archive.read(f"{FOLDER}/similarities0-1.txt").decode().splitlines()
    return [text for text in texts if text.strip()], [[float(each) for each in line.split()] for line in lines]


def grade(similarity: float) -> int:
    return int(similarity >= 0.5) + int(similarity >= 0.75)


def main() -> None:
    wheel, folder = map(Path, sys.argv[1:])
    texts, similar = read(wheel)
    (folder / "qrels").mkdir(parents=True)
    items = [{"_id": f"lee-{number}", "title": "", "text": text} for number, text in enumerate(texts)]
    for name in ("corpus", "queries"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    pairs = [(one, other) for one, other in product(range(len(texts)), repeat=2) if one != other]
    grades = {(one, other): grade(similar[min(one, other)][max(one, other)]) for one, other in pairs}
    lines = [f"lee-{one}\tlee-{other}\t{value}" for (one, other), value in grades.items() if value]
    head = "query-id\tcorpus-id\tscore"
    (folder / "qrels" / "test.tsv").write_text("\n".join([head, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
