"""The converted model: the same vectors, without torch, made once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from embed_calls import alone, together

from docparse_embed import open_query_encoder
from docparse_embed._probes import lowest_cosine, probes
from docparse_embed.providers import auto, openvino, sentence_transformers
from docparse_runner import StageError

pytest.importorskip("openvino", reason="pip install 'docparse-embed[openvino]'")


@pytest.fixture(scope="session")
def converted_cache(tmp_path_factory, tiny_bert) -> Path:
    """A cache in which the tiny transformer is converted."""
    cache = tmp_path_factory.mktemp("cache")
    with openvino.open_encoder(openvino.find(str(tiny_bert), offline=True, cache=cache), device="cpu", threads=1):
        return cache


@pytest.fixture
def tiny_found(tiny_bert, converted_cache):
    return auto.find(str(tiny_bert), offline=True, cache=converted_cache)


def test_vectors_are_those_of_sentence_transformers_at_every_length(tiny_found):
    texts = [*probes(64), *("duck " * length for length in range(1, 80, 7))]
    with sentence_transformers.open_encoder(tiny_found, device="cpu", threads=1) as reference:
        expected = reference.encode_documents(texts), reference.encode_query("ledger"), reference.count_tokens(texts)

    with openvino.open_encoder(tiny_found, device="cpu", threads=2) as encoder:
        vectors, query = encoder.encode_documents(texts), encoder.encode_query("ledger")
        tokens = encoder.count_tokens(texts)

    np.testing.assert_allclose(vectors, expected[0], atol=1e-5)
    np.testing.assert_allclose(query, expected[1], atol=1e-5)
    assert tokens == expected[2]


def test_what_the_model_says_of_itself_survives_the_conversion(tiny_found):
    with sentence_transformers.open_encoder(tiny_found, device="cpu", threads=1) as reference:
        names = ("dimension", "max_tokens", "normalized", "pooling", "document_prompt", "query_prompt")
        expected = [getattr(reference, name) for name in names]

    with openvino.open_encoder(tiny_found, device="cpu", threads=1) as encoder:
        assert [getattr(encoder, name) for name in names] == expected


def test_the_providers_share_fingerprint_and_cache(
    make_context, make_item, rows, tiny_bert, converted_cache, data_root
):
    shutil.copytree(converted_cache, data_root.cache)
    contexts = [make_context(model=str(tiny_bert), provider=name) for name in ("sentence-transformers", "openvino")]
    outcomes = [alone(context, make_item(rows)) for context in contexts]

    assert contexts[0].resolved == contexts[1].resolved
    assert [outcome.metrics["cached"] for outcome in outcomes] == [0, 3]
    assert [outcome.metrics["provider"] for outcome in outcomes] == ["sentence-transformers", "openvino"]


def test_a_document_gets_the_same_bytes_together_with_others(
    make_context, make_item, rows, tiny_bert, converted_cache, data_root
):
    shutil.copytree(converted_cache, data_root.cache)
    context = make_context(model=str(tiny_bert), provider="openvino", cache=False)
    items = [make_item([*rows[n:], rows[0]], f"{n}.pdf") for n in (1, 2)]
    for item in items:
        alone(context, item)
    expected = [item.outputs["embeddings"].read_bytes() for item in items]

    outcomes = together(context, *items)

    assert [outcome.metrics["encoded"] for outcome in outcomes] == [3, 0]
    assert [item.outputs["embeddings"].read_bytes() for item in items] == expected


def test_auto_takes_it_and_says_so(tiny_found, caplog):
    caplog.set_level("INFO")

    with auto.open_encoder(tiny_found, device="cpu", threads=1) as encoder:
        assert encoder.provider == "openvino"

    assert "openvino runs the model tiny-bert" in caplog.text


def test_auto_takes_torch_on_an_accelerator(tiny_found):
    assert auto.chosen(tiny_found, "0")[0] == "sentence-transformers"


@pytest.mark.long  # imports torch in a process of its own
def test_a_model_that_cannot_be_converted_is_run_by_torch_and_not_tried_twice(tiny_folder, tmp_path, monkeypatch):
    found = auto.find(str(tiny_folder), offline=True, cache=tmp_path)

    with pytest.raises(StageError, match=r"cannot be used with openvino: .*no transformer") as caught:
        openvino.open_encoder(found, device="cpu", threads=1).__enter__()
    monkeypatch.setattr(subprocess, "run", None)  # nothing is started any more

    assert caught.value.category == "config"
    assert auto.chosen(found, "cpu")[0] == "sentence-transformers"
    assert list(tmp_path.glob("openvino/*.part")) == []


@pytest.mark.long  # converts a model once more
def test_a_conversion_with_other_vectors_is_refused(tiny_bert, tmp_path):
    code = (
        "import sys, pathlib, torch\n"
        "from docparse_embed.providers import _convert\n"
        "real = _convert._Pipeline.forward\n"
        "def other(self, *tensors):\n"
        "    vectors = real(self, *tensors)\n"
        "    return vectors if tensors[0].shape[1] == 0 else vectors.flip(1)\n"
        "_convert._Pipeline.forward = other\n"
        "_convert.convert(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, tiny_bert, tmp_path], capture_output=True, check=False, text=True
    )

    assert done.returncode == 1
    assert "its vectors differ from those of sentence-transformers: cosine" in done.stderr


def test_a_converted_model_needs_neither_torch_nor_transformers(tiny_bert, converted_cache):
    code = (
        "import sys, pathlib\n"
        "from docparse_embed.providers import load_provider\n"
        "provider = load_provider('auto')\n"
        "found = provider.find(sys.argv[1], offline=True, cache=pathlib.Path(sys.argv[2]))\n"
        "with provider.open_encoder(found, device='cpu', threads=1) as encoder:\n"
        "    print(encoder.encode_query('duck').shape)\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))\n"
    )

    command = [sys.executable, "-c", code, tiny_bert, converted_cache]
    done = subprocess.run(command, capture_output=True, check=True, text=True)

    assert done.stdout == "(32,)\n[]\n"


@pytest.mark.long  # converts a model once more
def test_two_workers_that_need_it_at_once_convert_it_once(tiny_bert, tmp_path):
    code = (
        "import sys, pathlib\n"
        "from docparse_embed.providers import openvino\n"
        "found = openvino.find(sys.argv[1], offline=True, cache=pathlib.Path(sys.argv[2]))\n"
        "with openvino.open_encoder(found, device='cpu', threads=1) as encoder:\n"
        "    print(encoder.encode_query('duck').sum())\n"
    )
    command = [sys.executable, "-c", code, tiny_bert, tmp_path]

    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [(*worker.communicate(), worker.returncode) for worker in workers]

    assert answers[0] == answers[1]
    assert answers[0][1:] == ("", 0)
    assert [path.name for path in tmp_path.glob("openvino/*") if path.is_dir()] == [
        path.name.removesuffix(".lock") for path in tmp_path.glob("openvino/*.lock")
    ]


def test_what_is_recorded_says_how_close_the_vectors_are(converted_cache):
    (card,) = converted_cache.glob("openvino/*/card.json")

    assert json.loads(card.read_text())["cosine"] >= 0.9995


def test_queries_are_encoded_by_what_is_fastest_here(tiny_found, converted_cache):
    wanted = {"provider": "sentence-transformers", "model": tiny_found.name, "cache": converted_cache}

    with open_query_encoder(**wanted, digest=tiny_found.digest, dimension=32, query_prompt="the ") as encoder:
        assert encoder.encoder.provider == "openvino"
        row = encoder.encode_query("duck")

    with sentence_transformers.open_encoder(tiny_found, device="cpu", threads=1) as reference:
        expected = reference._encode(reference._model.encode_query, ["duck"], "the ")[0]
    np.testing.assert_allclose(row, expected, atol=1e-5)


def test_queries_for_another_model_are_refused(tiny_found, converted_cache):
    wanted = {"provider": "openvino", "model": tiny_found.name, "cache": converted_cache, "query_prompt": ""}

    with (
        pytest.raises(StageError, match="is another model"),
        open_query_encoder(**wanted, digest="sha256:another", dimension=32),
    ):
        pass


def test_vectors_that_are_none_have_no_cosine():
    rows = np.eye(3, dtype=np.float32)

    assert lowest_cosine(rows, rows) == 1
    assert lowest_cosine(rows, rows[:2]) == lowest_cosine(rows, rows * 0) == lowest_cosine(rows, rows * np.nan) == 0
