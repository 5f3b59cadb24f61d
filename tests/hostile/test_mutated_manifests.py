"""A manifest that was cut or garbled: reading it never raises, good rows stay, and only what was lost is done again."""

import json
import random

import msgspec
import pytest

from docparse_runner._manifest import append_lines, manifest_path, read_manifest
from docparse_runner._row import Row

TEXTS = {f"d{place}.txt": f"extra text {place}" for place in range(4)}
LONG_LINE = 10_000_000
DEEP = 100_000


def rows_in(data):
    """Return (item id → its last row, number of unreadable lines) as somebody reads it who takes line after line."""
    rows, bad = {}, 0
    for line in data.split(b"\n"):
        try:
            row = msgspec.json.decode(line, type=Row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            bad += bool(line.strip())
        else:
            rows[row.item_id] = row
    return rows, bad


def append(path, *rows):
    append_lines(path, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


@pytest.fixture
def made(bench):
    """Return the bytes of the manifest of a real run, and its path."""
    bench.write(**{name: f"extra {text}" for name, text in TEXTS.items()})
    outcome = bench.run(workers=0)
    assert outcome.exit_code == 0
    path = manifest_path(bench.workspace, "verbs")
    return path.read_bytes(), path


def outputs_of(bench):
    folder = bench.folder / "data"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for kind in ("out", "extra")
        for path in (folder / kind).rglob("*.*")
    }


# --- cut

PARTS = 20


def cuts(data, share):
    """Return every twentieth length down to which the last two rows can be cut, from one that depends on the share."""
    start = data.rstrip(b"\n").rfind(b"\n", 0, data.rstrip(b"\n").rfind(b"\n")) + 1
    return range(start + share, len(data) + 1, PARTS)


@pytest.mark.battery("share", range(PARTS))
def test_a_manifest_cut_anywhere_in_its_last_rows_keeps_the_others_and_takes_new_ones(bench, made, make_row, share):
    data, path = made
    assert data.count(b"\n") == len(TEXTS)
    new = make_row("docs/new.txt", stage="verbs")

    for length in cuts(data, share):
        path.write_bytes(data[:length])
        expected, bad = rows_in(data[:length])
        rows, unreadable = read_manifest(bench.workspace, "verbs")
        assert (dict(rows.items()), unreadable) == (expected, bad), length

        append(path, new)

        rows, unreadable = read_manifest(bench.workspace, "verbs")
        assert (dict(rows.items()), unreadable) == (expected | {new.item_id: new}, bad), length
        assert path.read_bytes().startswith(data[:length])


@pytest.mark.battery("share", range(PARTS))
def test_after_a_cut_only_what_was_lost_is_done_again(bench, made, share):
    data, path = made
    before = outputs_of(bench)

    for length in cuts(data, share):
        path.write_bytes(data[:length])
        left = set(rows_in(data[:length])[0])
        (bench.folder / "calls.txt").unlink(missing_ok=True)

        outcome = bench.run(workers=0)

        lost = {name for name in TEXTS if f"docs/{name}" not in left}
        assert outcome.exit_code == 0, length
        assert set(bench.calls()) == lost, length
        assert set(rows_in(path.read_bytes())[0]) == {f"docs/{name}" for name in TEXTS}
        assert outputs_of(bench) == before


# --- garbled

GARBAGE = (
    b"[" * DEEP,
    b'{"item_id":' + b"[" * DEEP,
    b'{"item_id":"docs/d0.txt","metrics":' + b'{"a":' * DEEP,
    b"{" * DEEP,
    b"9" * DEEP,
    b"-" * 50,
    b"NaN",
    b"\0" * 4096,
    b"\xff\xfe" * 100,
    b'"' + b"\\ud800" * 100 + b'"',
    b"\xef\xbb\xbf{}",
    b'{"item_id":"\xed\xa0\x80"}',
    b"{}{}",
)
"""Lines that name no item."""
NAMELY = (b'{"item_id":"\\u0000"}', b'{"item_id":"docs/d1.txt","metrics":null}', b'{"item_id":"x","item_id":1}')
"""Lines that name one, and are no rows."""
VALUES = (
    None,
    True,
    -1,
    0.5,
    "",
    "\0",
    "../" * 20 + "x",
    "/",
    "é\u2028\U0001f600",
    [],
    {},
    {"": {}},
    2**63,
    2**64,
    -(10**400),
    float("nan"),
    float("inf"),
    "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59.999",
    "0001-01-01T00:00:00+23:59",
    "x" * 5000,
)


def flip(draw, line):
    """Change bits of some bytes."""
    changed = bytearray(line)
    for _ in range(draw.choice((1, 1, 2, 8))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def delete(draw, line):
    """Leave out some bytes."""
    start = draw.randrange(len(line))
    return line[:start] + line[start + draw.choice((1, 2, 10, len(line))) :]


def insert(draw, line):
    """Put bytes in."""
    start = draw.randrange(len(line))
    new = draw.choice((draw.randbytes(draw.randint(1, 8)), b"\0", b"\r", b"\n", b"}", b'"', b"\\", b"[" * 3000, b"NaN"))
    return line[:start] + new + line[start:]


def swap(draw, line):
    """Let two parts change places."""
    a, b, c = sorted(draw.randrange(len(line) + 1) for _ in range(3))
    return line[:a] + line[b:c] + line[a:b] + line[c:]


def repeat(draw, line):
    """Say a field twice, the second time something else."""
    name = draw.choice(list(json.loads(line)))
    return line[:-1] + f",{json.dumps(name)}:{json.dumps(draw.choice(VALUES))}}}".encode()


def retype(draw, line):
    """Give a field a value of another type, here or deeper."""
    row = json.loads(line)
    inner = row
    while True:
        name = draw.choice(list(inner))
        if not (isinstance(inner[name], dict) and inner[name]) or draw.random() < 0.4:
            inner[name] = draw.choice(VALUES)
            return json.dumps(row, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
        inner = inner[name]


def omit(draw, line):
    """Leave out a field, or add one."""
    row = json.loads(line)
    if draw.random() < 0.7:
        del row[draw.choice(list(row))]
    else:
        row[draw.choice(("", "colour", "__proto__"))] = draw.choice(VALUES)
    return json.dumps(row).encode()


def garbage(draw, _line):
    """Say something that is no row at all."""
    return draw.choice(GARBAGE + NAMELY) if draw.random() < 0.1 else draw.randbytes(draw.randint(1, 300))


MUTATIONS = (flip, flip, delete, insert, swap, repeat, retype, retype, omit, garbage)


def mutated(draw, line):
    return draw.choice(MUTATIONS)(draw, line)


def test_each_mutation_changes_the_line_and_the_same_seed_changes_it_the_same_way(made):
    line = made[0].splitlines()[0]

    for mutation in MUTATIONS:
        changed = [mutation(random.Random(seed), line) for seed in range(20)]

        assert sum(each != line for each in changed) > 15, mutation
        assert changed == [mutation(random.Random(seed), line) for seed in range(20)], mutation


@pytest.mark.battery("seed", range(40))
def test_garbled_lines_are_skipped_and_the_good_rows_around_them_stay(bench, made, make_row, seed):
    draw = random.Random(seed)
    data, path = made
    lines = data.splitlines()
    good = [make_row(f"good/{place}", metrics={"place": place}, stage="verbs") for place in range(50)]
    parts = []
    for row in good:
        parts += [msgspec.json.encode(row), *(mutated(draw, draw.choice(lines)) for _ in range(10))]
    garbled = b"\n".join(parts)
    path.write_bytes(garbled)
    expected, bad = rows_in(garbled)
    new = make_row("docs/new.txt", stage="verbs")

    append(path, new)

    rows, unreadable = read_manifest(bench.workspace, "verbs")
    assert dict(rows.items()) == expected | {new.item_id: new}
    assert [rows[row.item_id] for row in good] == good
    assert 0 < unreadable <= bad
    assert path.read_bytes().startswith(garbled)


@pytest.mark.parametrize(
    "line",
    [
        *GARBAGE,
        pytest.param(b"x" * LONG_LINE, id="long"),
        pytest.param(b'{"item_id":"' + b"x" * LONG_LINE, id="long-text"),
        pytest.param(b"[" * LONG_LINE, id="long-and-deep"),
        pytest.param(b"\0" * LONG_LINE, id="long-and-empty"),
    ],
    ids=lambda line: repr(line[:30]),
)
def test_a_monstrous_line_costs_nothing_but_itself(bench, made, make_row, line):
    data, path = made
    path.write_bytes(data + line + b"\n" + line)
    new = make_row("docs/new.txt", stage="verbs")

    append(path, new)

    rows, unreadable = read_manifest(bench.workspace, "verbs")
    assert dict(rows.items()) == rows_in(data)[0] | {new.item_id: new}
    assert unreadable == 2


def test_a_row_of_ten_megabytes_is_read_as_any_other(bench, made, make_row):
    _data, path = made
    large = make_row("docs/d0.txt", metrics={"text": "x" * LONG_LINE})
    append(path, large, make_row("after"))

    rows, bad = read_manifest(bench.workspace, "verbs")

    assert (rows["docs/d0.txt"], "after" in rows, bad) == (large, True, 0)


# --- and then a run

DRAWN = 200


@pytest.mark.battery("seed", range(DRAWN))
def test_a_run_over_garbled_rows_ends_well_and_touches_no_output_of_another_document(bench, made, seed):
    draw = random.Random(seed)
    data, path = made
    before = outputs_of(bench)
    lines = data.splitlines()
    path.write_bytes(b"\n".join(mutated(draw, line) if draw.random() < 0.7 else line for line in lines))

    outcomes = [bench.run(workers=0, allow_quarantined=True) for _ in range(2)]

    assert [outcome.exit_code for outcome in outcomes] == [0, 0]
    assert outputs_of(bench) == before
    assert len(outcomes[1].errors) == outcomes[1].failed == 0


@pytest.mark.parametrize("part", ["inputs", "outputs"])
@pytest.mark.parametrize("name", ["\0", "a\0b", "x" * 5000, "", ".", "../../a", "/etc/passwd"])
def test_a_row_that_names_a_file_that_cannot_be_is_done_again(bench, made, part, name):
    data, path = made
    before = outputs_of(bench)
    lines = [json.loads(line) for line in data.splitlines()]
    next(iter(lines[0][part].values()))["path"] = name
    path.write_bytes(b"\n".join(json.dumps(line).encode() for line in lines))

    outcomes = [bench.run(workers=0, **options) for options in ({}, {"verify_hash": True}, {"force": True})]

    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 0]
    assert outputs_of(bench) == before


def test_a_row_that_names_the_output_of_another_document_removes_nothing(bench, made):
    data, path = made
    before = outputs_of(bench)
    lines = [json.loads(line) for line in data.splitlines()]
    lines[3]["outputs"]["out"] = lines[0]["outputs"]["out"]
    path.write_bytes(b"\n".join(json.dumps(line).encode() for line in lines[::-1]))
    (bench.folder / "docs" / "d3.txt").write_text("ok another text")

    bench.run(workers=0)

    after = outputs_of(bench)
    assert {name for name in before if after.get(name) != before[name]} == {
        "out/docs/d3.txt.out",
        "extra/docs/d3.txt.extra",
    }
