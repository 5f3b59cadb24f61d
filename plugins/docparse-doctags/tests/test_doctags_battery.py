"""Thousands of damaged and hostile documents in one run: it ends, names each of them, and touches nothing else."""

import io
import json
import os
import random
import re
import subprocess
import sys
import zipfile

import pytest

SECRET = "swordfish-in-the-canary"
MEMORY_MB = 3000

AUDIT = """
import os, sys

ALLOWED = tuple(os.path.realpath(each) for each in os.environ["AUDIT_ALLOWED"].split(os.pathsep))

def note(line):
    with os.fdopen(os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT), "a") as log:
        log.write(line + "\\n")

def hook(event, arguments, busy=[]):
    if busy:
        return
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "os.system"):
        address = str(arguments)
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        if os.sep not in os.fsdecode(arguments[0]):
            return  # in a folder that was opened before
        busy.append(1)
        address = os.path.realpath(os.fsdecode(arguments[0]))
        busy.clear()
        if address.startswith(ALLOWED):
            return
    else:
        return
    busy.append(1)
    note(f"{event} {address}")
    busy.clear()

sys.addaudithook(hook)
"""


def _cut(data, chance):
    return data[: chance.randrange(len(data))]


def _flipped(data, chance):
    flipped = bytearray(data)
    for _ in range(max(1, len(data) // chance.choice((50, 500, 5000)))):
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _gapped(data, chance):
    middle = chance.randrange(len(data))
    return data[:middle] + data[middle + chance.randrange(1, 500) :]


def _doubled(data, chance):
    first, last = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:last] + data[first:]


def _swapped(data, chance):
    """Exchange two objects of a PDF, or two parts of anything else."""
    objects = list(re.finditer(rb"\d+ 0 obj.*?endobj", data, re.DOTALL))
    if len(objects) > 1:
        first, second = sorted(chance.sample(objects, 2), key=re.Match.start)
        (a, b), (c, d) = (re.match(rb"(\d+ 0 obj)(.*)", each[0], re.DOTALL).groups() for each in (first, second))
        return data[: first.start()] + a + d + data[first.end() : second.start()] + c + b + data[second.end() :]
    a, b, c = sorted(chance.randrange(len(data)) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _numbered(data, chance):
    """Make a number huge, negative or zero."""
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        return data[::-1]
    number = chance.choice(numbers)
    return data[: number.start()] + chance.choice((b"0", b"-1", b"99999999999")) + data[number.end() :]


MUTATIONS = (_cut, _flipped, _gapped, _doubled, _swapped, _numbered)


def _inside(data, chance):
    """Change one member of an archive and leave the archive sound."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        chosen = chance.choice([name for name in old.namelist() if old.getinfo(name).file_size])
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, chance.choice(MUTATIONS)(content, chance) if name == chosen else content)
    return buffer.getvalue()


def _mutants(samples, count):
    """Yield (file name, bytes) of so many damaged documents, the same ones each time."""
    chance = random.Random(count)
    endings = sorted(samples)
    for number in range(count):
        ending = endings[number % len(endings)]
        data = samples[ending]
        inside = data.startswith(b"PK") and chance.random() < 0.6
        mutated = _inside(data, chance) if inside else chance.choice(MUTATIONS)(data, chance)
        shown = ending if chance.random() < 0.9 else chance.choice(endings)
        yield f"{number:05}{shown}", mutated


def _zip(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _replaced(data, **members):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _zip(**{name: archive.read(name) for name in archive.namelist()} | members)


def _laughs(root):
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE {root} [<!ENTITY l0 "ha">{entities}]>'


def _bombs(samples, canary):
    """Return (file name, bytes) of documents that were made to do harm."""
    stealing = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{canary}">]>'
    nested = _zip(**{"word/document.xml": b"<a/>", "inner.zip": _zip(zeros=bytes(30_000_000))})
    part = "word/document.xml"
    with zipfile.ZipFile(io.BytesIO(samples[".docx"])) as archive:
        document = archive.read(part).decode()
    body = re.sub(r"^<\?xml[^>]*\?>", "", document)
    article = samples[".nxml"].decode()
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1048576">'
    far = f'{sheet}<c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    page = "<html><body>{}</body></html>"
    return {
        "xxe.docx": _replaced(samples[".docx"], **{part: stealing + body.replace("The harbour", "&x;")}),
        "xxe.nxml": article.replace('dtd">', f'dtd" [<!ENTITY x SYSTEM "file://{canary}">]>').replace("The", "&x;"),
        "xxe.html": page.format(f'<img src="file://{canary}"><iframe src="file://{canary}"></iframe><p>x</p>'),
        "fetch.html": page.format(
            '<link rel="stylesheet" href="http://10.255.255.1/a.css"><img src="//10.255.255.1/a">x'
        ),
        "fetch.md": f"![x](http://10.255.255.1/a.png) ![y](file://{canary}) ![z]({canary})\n\ntext\n",
        "input.tex": f"\\documentclass{{article}}\\begin{{document}}\\input{{{canary}}} x \\end{{document}}",
        "include.adoc": f"= T\n\ninclude::{canary}[]\n\nimage::{canary}[]\n\ntext\n",
        "laughs.docx": _replaced(samples[".docx"], **{part: _laughs("a") + body.replace("The harbour", "&l9;")}),
        "laughs.odt": _replaced(samples[".odt"], **{"content.xml": _laughs("a") + "<a>&l9;</a>"}),
        "laughs.xml": _laughs("article") + "<article>&l9;</article>",
        "laughs.xhtml": _laughs("html") + "<html><body>&l9;</body></html>",
        "deep.html": page.format("<div>" * 20_000),
        "deep.md": "> " * 5_000 + "x",
        "deep.docling.json": "[" * 200_000,
        "deep.xml": "<?xml version='1.0'?><!DOCTYPE article PUBLIC 'JATS' 'JATS.dtd'>" + "<sec>" * 20_000,
        "far.xlsx": _replaced(samples[".xlsx"], **{"xl/worksheets/sheet1.xml": far}),
        "bomb.pptx": _replaced(samples[".pptx"], **{"ppt/media/zeros.bin": bytes(120_000_000)}),
        "nested.docx": nested,
        "nested.epub": nested,
        "slip.docx": _replaced(samples[".docx"], **{"../../../slipped": b"x", "word/media/../../../x": b"x"}),
        "noise.pdf": b"%PDF-1.7\n" + random.Random(1).randbytes(50_000),
        "loop.pdf": samples[".pdf"].replace(b"/Kids [ ", b"/Kids [ 1 0 R 2 0 R 3 0 R "),
    }


@pytest.fixture
def samples(make):
    """Return file name ending → the bytes of one small document of that kind."""
    endings = (".adoc", ".csv", ".dclg", ".docling.json", ".docx", ".eml", ".epub", ".html", ".md", ".mhtml", ".nxml")
    more = (".msg", ".odp", ".ods", ".odt", ".pdf", ".pptx", ".tex", ".vtt", ".xhtml", ".xlsx")
    return {ending: make(f"sample{ending}").read_bytes() for ending in (*endings, *more)}


@pytest.fixture
def attacked(samples, tmp_path):
    """Run the stage on the bombs and so many damaged documents; return its rows, and what its workers touched."""

    def run(count):
        canary = tmp_path / "canary.tex"
        canary.write_text(SECRET)
        (tmp_path / "docs").mkdir()
        for name, data in [*_bombs(samples, canary).items(), *_mutants(samples, count)]:
            (tmp_path / "docs" / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        (tmp_path / "audit").mkdir()
        (tmp_path / "audit" / "sitecustomize.py").write_text(AUDIT)
        allowed = [sys.prefix, sys.base_prefix, tmp_path / "docs", tmp_path / "data", tmp_path / "audit", *sys.path]
        allowed += ["/proc", "/sys", "/dev", "/usr/share", "/usr/lib", "/etc"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "audit"), os.environ.get("PYTHONPATH", "")]),
            "AUDIT_LOG": str(tmp_path / "audit.log"),
            "AUDIT_ALLOWED": os.pathsep.join(str(each) for each in allowed if str(each)),
        }
        limits = ["--timeout-s", "20", "--max-unpacked-mb", "100", "--memory-limit-mb", str(MEMORY_MB)]
        words = ["run", "doctags", "docs", "--data-root", "data", "--workers", "2", "-q", "--ocr", "off", *limits]
        done = subprocess.run(
            [sys.executable, "-m", "docparse_runner", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (tmp_path / "data" / "manifests" / "doctags.manifest.jsonl").read_text().splitlines()
        rows = {row["item_id"].partition("/")[2]: row for row in map(json.loads, lines)}
        log = tmp_path / "audit.log"
        return done, rows, log.read_text().splitlines() if log.exists() else []

    return run


def _check(done, rows, touched, folder):
    assert done.returncode in {0, 1}, done.stderr
    assert len(rows) == len(list((folder / "docs").iterdir()))
    failures = {name: row for name, row in rows.items() if row["status"] == "failure"}
    assert {row["category"] for row in failures.values()} <= {"input", "timeout", "oom"}, failures
    assert all(row["error"]["message"] for row in failures.values())
    assert touched == []
    for path in (folder / "data").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert not list(folder.rglob("slipped"))


def test_three_hundred_damaged_documents_and_every_bomb_cost_only_themselves(attacked, tmp_path):
    done, rows, touched = attacked(300)

    _check(done, rows, touched, tmp_path)
    assert {name: row["category"] for name, row in rows.items() if row.get("category") in {"timeout", "oom"}} == {}


@pytest.mark.long
def test_five_thousand_damaged_documents_cost_only_themselves(attacked, tmp_path):
    _check(*attacked(5000), tmp_path)
