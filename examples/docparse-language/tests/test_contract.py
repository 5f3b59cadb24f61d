"""What every stage promises: more than twenty tests, inherited."""

from docparse_runner.testing import StageContract


class TestContract(StageContract):
    stage = "language"
    documents = {
        "english.md": '{"text": "A walrus is a large mammal that lives on the ice of the northern seas."}\n',
        "german.pdf": '{"text": "Das Walross ist ein großes Säugetier, das auf dem Eis des Nordens lebt."}\n',
        "both.docx": (
            '{"text": "The herd rests on the beach while the young learn to swim."}\n'
            '{"text": "Die Herde ruht am Strand, während die Jungen schwimmen lernen."}\n'
        ),
    }
    changes = {"among": ("de", "fr")}
