"""What every stage promises: more than twenty tests, inherited."""

import pytest
from annotate_service import Service
from docparse_runner.testing import StageContract


class TestContract(StageContract):
    stage = "annotate"
    documents = {
        "one": '{"text": "The Walrus met Ada."}\n',
        "two": '{"text": "Nobody met"}\n{"text": "the Carpenter."}\n',
        "three": '{"text": "and so on"}\n',
    }

    @pytest.fixture(autouse=True)
    def address(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "options", {"url": service.url})
