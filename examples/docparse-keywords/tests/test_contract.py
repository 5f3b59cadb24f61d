"""What every stage promises: more than twenty tests, inherited."""

from docparse_runner.testing import StageContract


class TestContract(StageContract):
    stage = "keywords"
    documents = {
        "one": '{"text": "One document."}\n',
        "two": '{"text": "And another"}\n{"text": "one."}\n',
    }
