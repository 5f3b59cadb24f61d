"""Retrieval quality of the whole chain, from documents to ranked documents, on any judged collection.

    python bench/quality/retrieval/run.py                      # the sample corpus, 56 queries judged by us
    python bench/quality/retrieval/run.py --collection FOLDER --documents FOLDER --data-root FOLDER --out FILE
    python bench/quality/retrieval/run.py --compare A.jsonl B.jsonl

A collection is a folder in BEIR's layout: `queries.jsonl` (`_id`, `text`) and `qrels/test.tsv` (query, document,
grade, after a line of headings). The documents are files (`--documents`), and a judgement names one by its item id; or
they are a `corpus.jsonl` (`_id`, `title`, `text`), each line of which is made a Markdown file first. They go through
`docparse run all` (doctags, chunk, embed, index). A document's rank is that of its best chunk. `--out` gets one line a
query and mode; two such files are compared by a paired randomisation test. Where documents ask for documents like them,
a query has the id of its own document, which is left out of the ranking, as BEIR does it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from measures import measure, significance

from docparse_index import open_index

HERE = Path(__file__).parent
SAMPLES = HERE.parents[2] / "samples"
DEPTH = 100
Row = dict[str, Any]
RUNS = {
    "lexical": {"mode": "lexical"},
    "dense": {"mode": "dense"},
    "convex": {"mode": "hybrid", "fusion": "convex"},
    "rrf": {"mode": "hybrid", "fusion": "rrf"},
}


def read_queries(collection: Path) -> dict[str, str]:
    lines = (collection / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["_id"]: row["text"] for row in map(json.loads, lines)}


def read_judgements(collection: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for line in (collection / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        judged.setdefault(query, {})[document] = int(grade)
    return judged


def written_out(collection: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """Make a file of each line of ``corpus.jsonl``; return the folder and item id → the collection's id."""
    names = {}
    (folder / "corpus").mkdir()
    for line in (collection / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        name = re.sub(r"[^\w.-]", "_", row["_id"]) + f"-{len(names)}.md"
        title = f"# {row['title']}\n\n" if row.get("title") else ""
        (folder / "corpus" / name).write_text(f"{title}{row['text']}\n", encoding="utf-8")
        names[f"corpus/{name}"] = row["_id"]
    return folder / "corpus", names


def index(documents: Path, root: Path) -> None:
    command = [sys.executable, "-m", "docparse_runner", "run", "all", str(documents), "--data-root", str(root), "-q"]
    done = subprocess.run(command, check=False)
    if done.returncode not in (0, 1):  # 1: some documents have no result, which the sample corpus is meant to have
        sys.exit(f"docparse ended with {done.returncode}")


def search(root: Path, queries: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Row]:
    """Yield one row for each query and mode."""
    with open_index(root) as opened:
        for query_id, text in queries.items():
            for run, arguments in RUNS.items():
                hits = opened.search(text, k=DEPTH + 1, group_by="document", **arguments)
                found = [names.get(hit.doc_id, hit.doc_id) for hit in hits]
                yield {"query": query_id, "run": run, "ranking": [each for each in found if each != query_id][:DEPTH]}


def report(rows: list[Row], judged: Mapping[str, Mapping[str, int]]) -> None:
    """Print a line for each mode and what the default is worth against the others."""
    values: dict[str, list[Row]] = {}
    for row in rows:
        row.update(measure(row["ranking"], judged[row["query"]]))
        values.setdefault(row["run"], []).append(row)
    measures = ["ndcg@10", "map", "recall@100"]
    print(f"{len(values['convex'])} queries\n| run | {' | '.join(measures)} |\n| --- | ---: | ---: | ---: |")
    for run, found in values.items():
        means = [sum(row[name] for row in found) / len(found) for name in measures]
        print(f"| {run} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    for run in ("lexical", "dense", "rrf"):
        print(tell("ndcg@10", f"convex against {run}", values[run], values["convex"]))


def tell(name: str, what: str, first: list[Row], second: list[Row]) -> str:
    difference, p = significance([row[name] for row in first], [row[name] for row in second])
    return f"{what}: {name} {difference:+.3f}, p = {p:.3f}"


def compare(first: str, second: str) -> None:
    files = [[json.loads(line) for line in Path(path).read_text().splitlines()] for path in (first, second)]
    rows = [{(row["run"], row["query"]): row for row in file} for file in files]
    for run in RUNS:
        keys = sorted(key for key in rows[0].keys() & rows[1].keys() if key[0] == run)
        if keys:
            print(tell("ndcg@10", f"{run}, second against first", *[[each[key] for key in keys] for each in rows]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collection", type=Path, default=HERE / "samples")
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--compare", nargs=2)
    chosen = parser.parse_args()
    if chosen.compare:
        compare(*chosen.compare)
        return
    with tempfile.TemporaryDirectory() as folder:
        names, documents = {}, chosen.documents or SAMPLES
        if (chosen.collection / "corpus.jsonl").exists():
            documents, names = written_out(chosen.collection, Path(folder))
        root = chosen.data_root or Path(folder) / "data"
        index(documents, root)
        judged = read_judgements(chosen.collection)
        asked = {key: text for key, text in read_queries(chosen.collection).items() if key in judged}
        rows = list(search(root, asked, names))
        report(rows, judged)
    if chosen.out:
        chosen.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
