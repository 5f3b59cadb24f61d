"""Which model is meant, what its digest covers, and what is said when there is none."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from docparse_embed._digest import model_digest
from docparse_embed._models import locate
from docparse_embed.providers import sentence_transformers
from docparse_runner import StageError

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty hub cache, and a hub that cannot be reached."""
    from huggingface_hub import constants  # noqa: PLC0415 - read here, so that the rest runs without

    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return folder


def in_hub_cache(hub: Path, name: str, model: Path) -> Path:
    repository = hub / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("a" * 40)
    shutil.copytree(model, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    return snapshot


def test_the_bundled_model_is_meant_when_none_is_named(make_context):
    context = make_context()

    place = locate(None, offline=True)
    assert (place.name, place.label) == (MINILM, MINILM)
    assert context.resolved == {"model_digest": model_digest(place.folder, None)}


def test_the_same_model_elsewhere_redoes_nothing(make_context, tiny_folder, tmp_path):
    moved = shutil.copytree(tiny_folder, tmp_path / "another-name")

    assert make_context(model=str(moved)).resolved == make_context(model=str(tiny_folder)).resolved


def test_the_bundled_model_answers_to_its_name_at_the_hub():
    assert locate(MINILM, offline=True) == locate(None, offline=True)


def test_models_of_sentence_transformers_need_not_say_so(hub, tiny_folder):
    snapshot = in_hub_cache(hub, "sentence-transformers/tiny-cased", tiny_folder)

    assert locate("all-MiniLM-L6-v2", offline=True) == locate(None, offline=True)
    assert (locate("tiny-cased", offline=True).name, locate("tiny-cased", offline=True).folder) == (
        "sentence-transformers/tiny-cased",
        snapshot,
    )


def test_a_name_without_an_organisation_may_be_a_models_own(hub, tiny_folder):
    in_hub_cache(hub, "tiny-cased", tiny_folder)

    assert locate("tiny-cased", offline=True).name == "tiny-cased"


def test_threads_encode_side_by_side_what_one_encodes_alone(tiny_bert):
    texts = [f"{'duck ' * (n % 9)}ledger {n}" for n in range(40)]
    found = sentence_transformers.find(str(tiny_bert), offline=True, cache=None)
    with sentence_transformers.open_encoder(found, device="cpu", threads=1) as encoder:
        expected = encoder.encode_documents(texts)

    with sentence_transformers.open_encoder(found, device="cpu", threads=3) as encoder:
        vectors, one = encoder.encode_documents(texts), encoder.encode_documents(texts[:1])

    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    np.testing.assert_allclose(one, expected[:1], atol=1e-6)


def test_a_folder_is_found_from_wherever_it_is_named(tiny_folder, monkeypatch):
    monkeypatch.chdir(tiny_folder.parent)

    place = locate("tiny", offline=True)

    assert (place.folder, place.name, place.label) == (tiny_folder, str(tiny_folder), "tiny")


def test_a_name_is_found_in_the_cache_of_the_hub(hub, tiny_folder):
    snapshot = in_hub_cache(hub, "someone/tiny", tiny_folder)

    place = locate("someone/tiny", offline=True)

    assert (place.folder, place.name, place.label) == (snapshot, "someone/tiny", "someone/tiny")
    assert place.revision == "a" * 40


@pytest.mark.parametrize(
    ("model", "offline", "message"),
    [
        ("./nowhere", True, "there is no folder ./nowhere"),
        ("/no/such/folder", True, "there is no folder /no/such/folder"),
        ("nobody/nothing", True, "'nobody/nothing' is not on this machine, and this is an offline run; name a folder"),
        ("nobody/nothing", False, "'nobody/nothing' is not on this machine and cannot be fetched .*; name a folder"),
        ("no such name!", True, "'no such name!' is neither a folder nor a name at the model hub"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_a_model_that_is_not_there_is_a_config_error_that_says_what_to_do(make_context, model, offline, message):
    with pytest.raises(StageError, match=message) as caught:
        make_context(model=model, offline=offline)

    assert caught.value.category == "config"


def test_a_half_fetched_model_counts_as_missing(hub, tiny_folder):
    snapshot = in_hub_cache(hub, "someone/tiny", tiny_folder)
    (snapshot / "modules.json").unlink()
    (snapshot / "config.json").unlink(missing_ok=True)

    with pytest.raises(StageError, match="'someone/tiny' is not on this machine"):
        locate("someone/tiny", offline=True)


def test_a_folder_without_a_model_is_said_to_be_none(tmp_path):
    with pytest.raises(StageError, match="is not a sentence-transformers model"):
        locate(str(tmp_path), offline=True)


def test_a_plan_never_fetches(hub, make_context):
    with pytest.raises(StageError, match="this is an offline run"):
        make_context(model="nobody/nothing", dry_run=True)

    assert list(hub.iterdir()) == []


def test_a_plan_writes_nothing(make_context, data_root):
    make_context(dry_run=True)

    assert not data_root.root.exists()


def test_an_unknown_provider_is_a_config_error(make_context):
    with pytest.raises(StageError, match="no embedding provider 'magic'; installed: auto, ") as caught:
        make_context(provider="magic")

    assert caught.value.category == "config"


def test_a_provider_of_another_package_is_found_by_its_entry_point(make_context, tmp_path, monkeypatch):
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[docparse_embed.providers]\nother = other_provider\nbroken = no_such_module\n"
    )
    (tmp_path / "other_provider.py").write_text(
        "from pathlib import Path\n"
        "from docparse_embed.providers import FoundModel\n"
        "def find(model, *, offline, cache):\n"
        "    return FoundModel(name='m', label='m', location=Path('.'), digest='sha256:1')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert make_context(provider="other").resolved == {"model_digest": "sha256:1"}
    with pytest.raises(StageError, match="provider 'broken' cannot be loaded: No module named 'no_such_module'"):
        make_context(provider="broken")


def test_the_digest_is_of_the_content_and_not_of_the_place(tiny_folder, tmp_path):
    copy = shutil.copytree(tiny_folder, tmp_path / "elsewhere")
    (copy / "README.md").write_text("other words")
    (copy / "onnx").mkdir()
    (copy / "onnx" / "config.json").write_text("{}")

    assert model_digest(copy, None) == model_digest(tiny_folder, None)


@pytest.mark.parametrize("name", ["modules.json", "0_StaticEmbedding/model.safetensors"])
def test_the_digest_covers_configuration_and_weights(tiny_folder, tmp_path, name):
    copy = shutil.copytree(tiny_folder, tmp_path / "changed")
    path = next(copy.rglob(Path(name).name))
    path.write_bytes(path.read_bytes() + b" ")

    assert model_digest(copy, None) != model_digest(tiny_folder, None)


def test_a_remembered_digest_is_forgotten_when_a_file_changes(tiny_folder, tmp_path):
    copy, cache = shutil.copytree(tiny_folder, tmp_path / "model"), tmp_path / "cache"
    before = model_digest(copy, cache)
    assert json.loads((cache / "models.json").read_text())[str(copy)]["digest"] == before

    (copy / "modules.json").write_text((copy / "modules.json").read_text() + "\n")

    assert model_digest(copy, cache) == model_digest(copy, None) != before


def test_a_remembered_digest_is_taken_while_the_files_are_the_same(tiny_folder, tmp_path):
    digest = model_digest(tiny_folder, tmp_path)
    memory = json.loads((tmp_path / "models.json").read_text())
    memory[str(tiny_folder)]["digest"] = "sha256:remembered"
    (tmp_path / "models.json").write_text(json.dumps(memory))

    assert model_digest(tiny_folder, tmp_path) == "sha256:remembered" != digest


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"other": 1}'])
def test_a_damaged_memory_of_digests_is_no_memory(tiny_folder, tmp_path, damage):
    (tmp_path / "models.json").write_text(damage)

    assert model_digest(tiny_folder, tmp_path) == model_digest(tiny_folder, None)


def test_the_stage_imports_in_no_time_and_nothing_heavy():
    code = (
        "import sys, time; start = time.process_time(); import docparse_embed; docparse_embed.docparse_stage();"
        "import docparse_embed.providers.sentence_transformers;"
        "print(time.process_time() - start);"
        "print(sorted({'numpy', 'torch', 'pyarrow', 'sentence_transformers', 'huggingface_hub'} & set(sys.modules)))"
    )

    seconds, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout.split("\n")[:2]

    assert heavy == "[]"
    assert float(seconds) < 0.3


def test_a_model_on_this_machine_opens_without_a_network():
    code = (
        "import socket\n"
        "def refuse(*_): raise SystemExit('the network was used')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from docparse_embed.providers import sentence_transformers as provider\n"
        "found = provider.find(None, offline=False, cache=None)\n"
        "with provider.open_encoder(found, device='cpu', threads=1) as encoder:\n"
        "    print(encoder.encode_query('duck').shape)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)

    assert (done.stdout, done.stderr, done.returncode) == ("(384,)\n", "", 0)
