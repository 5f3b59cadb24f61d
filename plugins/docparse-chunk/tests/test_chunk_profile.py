"""``docparse chunk-profile``."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from docparse_chunk._profile import EDGES, Profile, histogram, quantile
from docparse_chunk.cli import chunk_profile


@pytest.fixture
def folder(tmp_path, new_paper):
    """A data root with two documents."""
    for name, sentences in (("ducks", 40), ("geese", 4)):
        paper = new_paper()
        paper.heading(name)
        paper.text("They swim on lakes. " * sentences)
        paper.heading("More")
        paper.items("One", "Two")
        target = tmp_path / "docling" / "birds" / f"{name}.pdf.docling.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(paper.data()))
    return tmp_path


def invoke(*args):
    return CliRunner().invoke(chunk_profile, [str(arg) for arg in args], catch_exceptions=False)


def test_the_tokens_of_documents_sections_and_paragraphs_are_told(folder, minilm):
    done = invoke("--data-root", folder, "--json")

    ((profile),) = json.loads(done.output)["profiles"]
    assert profile["documents"] == {"birds/ducks.pdf": 206, "birds/geese.pdf": 26}
    assert profile["tokens"] == 232
    assert profile["sections"] == {"count": 4, "p5": 5, "p50": 21, "p95": 201, "max": 201}
    assert profile["paragraphs"] == {"count": 6, "p5": 2, "p50": 2, "p95": 200, "max": 200}
    assert profile["histogram"] == {"edges": list(EDGES), "sections": [2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]}
    assert profile["suggested"] == {"max_tokens": 208, "min_tokens": 16}


def test_other_tokenizers_are_compared(folder, bpe_folder, minilm):
    done = invoke("--data-root", folder, "--tokenizer", bpe_folder, "--tokenizer", "approximate", "--json")

    profiles = json.loads(done.output)["profiles"]
    assert [profile["tokenizer"] for profile in profiles] == [minilm.name, "small-bpe", "approximate"]
    assert profiles[1]["suggested"]["max_tokens"] == 94
    assert profiles[2]["tokens"] > profiles[0]["tokens"]


def test_a_person_gets_a_histogram_and_a_suggestion(folder, minilm):
    done = invoke(folder / "docling" / "birds" / "ducks.pdf.docling.json", "--tokenizer", "approximate")

    lines = done.output.splitlines()
    assert lines[:2] == ["    tokens  document", "       206  ducks.pdf"]
    assert "      ≤ 16  1     " + "█" * 40 in lines
    assert "  reads 256, 2 of them special; try --max-tokens 208 --min-tokens 16" not in lines[-1]
    assert (
        f"{minilm.name}: 206 tokens (1.00 x) in 1 documents, 2 sections of 5, 201 and 201 tokens (5, 50, 95 %)" in lines
    )
    assert "  reads 256, 2 of them special; try --max-tokens 208 --min-tokens 48" in lines


def test_documents_without_text_are_told_too(tmp_path, new_paper):
    (tmp_path / "a.docling.json").write_text(json.dumps(new_paper().data()))

    done = invoke(tmp_path, "--tokenizer", "approximate")

    assert "approximate: 0 tokens (-) in 1 documents, 0 sections of 0, 0 and 0 tokens (5, 50, 95 %)" in done.output


def test_no_documents_end_with_2_and_say_what_to_do(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "docparse_runner", "chunk-profile", "--data-root", tmp_path],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "run `docparse run doctags FOLDER` first" in done.stderr


def test_help_loads_no_tokenizer():
    code = (
        "import sys; from click.testing import CliRunner; from docparse_chunk.cli import chunk_profile\n"
        "print(CliRunner().invoke(chunk_profile, ['--help']).exit_code, 'tokenizers' in sys.modules)"
    )

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert out == "0 False\n"


def test_values_beyond_the_last_edge_have_a_bar_of_their_own():
    assert histogram([1, 16, 17, 9000]) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_quantiles_are_values():
    assert [quantile([5, 1, 3], share) for share in (0, 0.5, 0.95)] == [1, 3, 5]
    assert quantile([], 0.5) == 0


def profile(sections, limit=512):
    return Profile(tokenizer="t", limit=limit, special_tokens=2, documents={}, sections=sections, paragraphs=[])


@pytest.mark.parametrize(
    ("sections", "expected"),
    [([], (64, 0)), ([10] * 9, (64, 0)), ([300] * 9, (304, 64)), ([90] * 18 + [3000] * 2, (510, 80))],
)
def test_suggestions_follow_the_sections_and_stay_within_the_limit(sections, expected):
    suggested = profile(sections)

    assert (suggested.max_tokens, suggested.min_tokens) == expected
