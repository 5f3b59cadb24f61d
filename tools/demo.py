"""`make demo`: documents in, cited answers out, over samples/; ends with 0 when everything is as promised."""

import json
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA_ROOT = ROOT / ".demo-data"
DOCPARSE = Path(sys.executable).with_name("docparse")
QUERIES = 3


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n== {text}", flush=True)


def docparse(*words: str, expected: int, capture: bool = False) -> str:
    """Run docparse, show the command, and insist on its exit code."""
    print(f"$ {shlex.join(['docparse', *words])}", flush=True)
    command = [str(DOCPARSE), *words, "--data-root", str(DATA_ROOT)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE if capture else None, text=True, check=False)
    if done.returncode != expected:
        sys.exit(f"docparse ended with exit code {done.returncode}, not {expected}")
    return done.stdout or ""


def check_failures(outcomes: dict[str, dict[str, object]]) -> None:
    """Insist that exactly the documents of samples/bad failed, and say why each did."""
    say("The bad documents, and no others, have no result:")
    bad = {f"samples/bad/{path.name}" for path in (ROOT / "samples" / "bad").iterdir()}
    rows = (DATA_ROOT / "manifests" / "doctags.manifest.jsonl").read_text(encoding="utf-8").splitlines()
    last = {row["item_id"]: row for row in map(json.loads, rows)}
    failed = {item_id: row for item_id, row in last.items() if row["status"] == "failure"}
    for item_id, row in sorted(failed.items()):
        print(f"  {item_id}: {row['category']}: {row['error']['message']}")
    if set(failed) != bad:
        sys.exit(f"expected {sorted(bad)} to fail, but {sorted(failed)} did")
    for stage, outcome in outcomes.items():
        if stage != "doctags" and (outcome["failed"] or outcome["waiting"]):
            sys.exit(f"{stage} left documents without a result: {outcome['errors']}")


def main() -> None:
    """Run the pipeline, check it, search it."""
    say("Running the pipeline (doctags, chunk, embed, index) over samples/; exit code 1, because samples/bad is in it")
    outcomes = json.loads(docparse("run", "all", "samples/", "--json", expected=1, capture=True))
    check_failures(outcomes)
    queries = tomllib.loads((ROOT / "samples" / "queries.toml").read_text(encoding="utf-8"))["query"]
    say("Searching; each hit shows file, page, heading and text")
    for query in queries[:: max(1, len(queries) // QUERIES)][:QUERIES]:
        docparse("search", query["text"], "--k", "2", expected=0)
        print(flush=True)
    done = sum(int(str(outcome["succeeded"])) + int(str(outcome["partial"])) for outcome in outcomes.values())
    say(f"Done: {done} results were made just now; the rest was up to date. Run `make demo` again: it redoes nothing.")


if __name__ == "__main__":
    main()
