"""What the stage says it can do here."""

import docparse_doctags
from docparse_doctags import _capabilities


def test_formats_and_what_enables_the_rest_are_told(monkeypatch):
    monkeypatch.setattr(_capabilities, "ocr_version", lambda: None)
    monkeypatch.setattr("shutil.which", lambda _name: None)

    told = {each.name: each for each in docparse_doctags.docparse_capabilities()}

    assert {".pdf", ".docx", ".html"} <= set(told["formats"].summary.split())
    assert (told["OCR"].enabled, told["OCR"].remedy) == (False, "pip install 'docparse-doctags[ocr]'")
    assert (told["LibreOffice"].enabled, ".doc " in told["LibreOffice"].summary) == (False, True)
    assert told["engine ml"].enabled or told["engine ml"].remedy
