"""Which engine runs: found out cheaply, said once, recorded; docling's own models run when they are here."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

import docparse_doctags
from docparse_doctags import _choice
from docparse_doctags._detect import LAYOUT_REPOSITORY, find_models
from docparse_doctags._options import Options
from docparse_runner import UsageError

FOLDER = LAYOUT_REPOSITORY.replace("/", "--")


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """Hide whatever weights this machine has."""
    monkeypatch.delenv("DOCLING_ARTIFACTS_PATH", raising=False)
    if importlib.util.find_spec("huggingface_hub"):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no-cache"))


@pytest.fixture
def packages(monkeypatch):
    """Pretend that what the engine ml needs is installed, as far as detection looks."""
    for name in ("torch", "torchvision", "transformers"):
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def weights(tmp_path):
    """Return a folder of artifacts in which the layout model's files are."""
    folder = tmp_path / "artifacts" / FOLDER
    folder.mkdir(parents=True)
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return tmp_path / "artifacts"


def test_without_weights_auto_is_native_and_says_why(bare):
    options = Options(ocr="off")

    assert _choice.resolved(options) == {"engine": "native", "ocr": "off"}
    assert _choice.why(options, "native").startswith("the engine ml cannot run: ")


def test_with_weights_and_packages_auto_is_ml(bare, packages, weights):
    options = Options(artifacts=str(weights), ocr="off")

    assert _choice.resolved(options) == {"engine": "ml", "layout": LAYOUT_REPOSITORY, "tables": "off", "ocr": "off"}
    assert _choice.why(options, "ml") == "docling's models are on this machine"


def test_the_folder_may_come_from_doclings_own_variable(bare, packages, weights, monkeypatch):
    monkeypatch.setenv("DOCLING_ARTIFACTS_PATH", str(weights))

    assert _choice.resolved(Options())["engine"] == "ml"


def test_a_folder_that_lacks_a_file_of_the_model_is_none(bare, packages, weights):
    (weights / FOLDER / "model.safetensors").unlink()

    assert find_models(str(weights)).reason.startswith(f"no weights of {LAYOUT_REPOSITORY} in {weights}")


def test_weights_in_the_cache_of_the_hub_are_found(packages, monkeypatch, tmp_path):
    pytest.importorskip("huggingface_hub")
    cache = tmp_path / "cache"
    monkeypatch.delenv("DOCLING_ARTIFACTS_PATH", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(cache), raising=False)
    repository = cache / f"models--{FOLDER}"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (snapshot / name).write_text("{}")

    assert find_models(None).layout == snapshot


def test_asking_for_ml_where_it_cannot_run_stops_the_run_with_the_remedy(bare, tmp_path):
    with pytest.raises(UsageError, match=r"--engine ml cannot run here: .*(pip install|docling-tools)"):
        _choice.resolved(Options(engine="ml", artifacts=str(tmp_path)))


def test_finding_out_imports_neither_torch_nor_docling(tmp_path):
    script = f"""
import sys
from docparse_doctags import _choice, Options
_choice.resolved(Options(artifacts={str(tmp_path)!r}))
print(sorted({{"torch", "transformers", "docling", "docling_core"}} & sys.modules.keys()))"""

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"


def test_the_run_says_once_which_engine_it_was_and_why(bare):
    context = SimpleNamespace(options=Options(engine="native"), resolved={"engine": "native"})

    assert docparse_doctags.docparse_after_stage(None, context) == {"engine": "native", "because": "--engine native"}


_TINY = """
import json, os, pathlib, sys, types
import torch, transformers
class Transform:
    def __init__(self, *arguments, **options): pass
vision, transforms = types.ModuleType("torchvision"), types.ModuleType("torchvision.transforms")
for name in ("Compose", "Resize", "ToTensor", "Normalize"): setattr(transforms, name, Transform)
vision.transforms = transforms
sys.modules.setdefault("torchvision.transforms", transforms); sys.modules.setdefault("torchvision", vision)
from transformers import RTDetrImageProcessorPil, RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection
from docling.datamodel.pipeline_options import LayoutObjectDetectionOptions
torch.manual_seed(0)
root = pathlib.Path(sys.argv[1])
folder = root / "artifacts" / sys.argv[2]
labels = ["caption", "footnote", "formula", "list_item", "page_footer", "page_header", "picture", "section_header",
          "table", "text", "title", "document_index", "code", "checkbox_selected", "checkbox_unselected", "form",
          "key_value_region"]
backbone = RTDetrResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic",
                              out_features=["stage2", "stage3", "stage4"])
config = RTDetrV2Config(backbone_config=backbone, encoder_in_channels=[8, 8, 8], encoder_hidden_dim=16, d_model=16,
                        encoder_ffn_dim=16, decoder_ffn_dim=16, decoder_layers=2, encoder_layers=1, num_queries=20,
                        decoder_attention_heads=2, encoder_attention_heads=2, decoder_in_channels=[16, 16, 16],
                        feat_strides=[8, 16, 32], num_feature_levels=3, id2label=dict(enumerate(labels)),
                        label2id={name: number for number, name in enumerate(labels)}, use_pretrained_backbone=False)
RTDetrV2ForObjectDetection(config).save_pretrained(folder)
RTDetrImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
import docparse_doctags
from docparse_doctags import Options, _choice
from docparse_runner import StageContext, WorkItem
options = Options(artifacts=str(root / "artifacts"), ocr="off")
context = StageContext(stage=docparse_doctags.docparse_stage(), options=options, workspace=None,
                       resolved=_choice.resolved(options))
worker = docparse_doctags.docparse_worker(context)
outputs = {"docling": root / "out.json", "doctags": root / "out.doctags"}
outcome = worker(WorkItem(item_id="docs/tides", inputs={"source": root / "tides.pdf"}, outputs=outputs))
print(json.dumps({"resolved": context.resolved, "status": outcome.status, "reason": outcome.reason,
                  "metrics": outcome.metrics, "offline": os.environ["HF_HUB_OFFLINE"]}))
"""


@pytest.mark.long  # torch and transformers are loaded
def test_docling_s_standard_pipeline_runs_with_a_tiny_layout_model_of_random_weights(make, tmp_path, sentence):
    pytest.importorskip("transformers")
    make("tides.pdf", pages=2)
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}

    done = subprocess.run(
        [sys.executable, "-c", _TINY, str(tmp_path), FOLDER],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["resolved"]["engine"] == "ml"
    assert told["status"] == "success", told["reason"]
    assert (told["metrics"]["engine"], told["metrics"]["pages"], told["offline"]) == ("ml", 2, "1")
    assert sentence in (tmp_path / "out.json").read_text()
