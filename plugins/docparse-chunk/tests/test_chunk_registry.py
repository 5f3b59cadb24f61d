import pytest

from docparse_chunk._registry import find_chunker
from docparse_chunk._structural import structural
from docparse_runner import Category, StageError

CHUNKER = '''
from docparse_chunk.chunkers import Chunk

def single(document, counter, limits):
    """Put everything into one chunk."""
    if document.units:
        yield Chunk(headings=("All of it",), units=tuple(document.units))
'''


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """A package with two chunkers, one of which cannot be imported."""
    info = tmp_path / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[docparse_chunk.chunkers]\nsingle = third_party_chunker:single\nbroken = third_party_missing:chunk\n"
    )
    (tmp_path / "third_party_chunker.py").write_text(CHUNKER)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_the_default_is_structural():
    assert find_chunker("structural") is structural


def test_an_unknown_name_says_what_is_there(third_party):
    with pytest.raises(
        StageError, match="no chunker 'nope'; installed: broken, docling-hybrid, page, single, structural"
    ) as caught:
        find_chunker("nope")

    assert caught.value.category is Category.CONFIG


def test_a_chunker_that_cannot_be_imported_is_a_config_error(third_party):
    with pytest.raises(StageError, match=r"'broken' .* cannot be loaded: ModuleNotFoundError") as caught:
        find_chunker("broken")

    assert caught.value.category is Category.CONFIG


def test_a_third_partys_chunker_runs_and_its_long_chunks_are_cut(third_party, chunk, paper):
    paper.text("Ducks swim on lakes and ponds, and dive for plants. " * 30, page=2)

    outcome, rows = chunk(paper.data(), chunker="single")

    assert len(rows) > 1
    assert outcome.metrics["max_tokens_seen"] <= 256
    assert {tuple(row["headings"]) for row in rows} == {("All of it",)}
    assert {tuple(row["pages"]) for row in rows} == {(2,)}
