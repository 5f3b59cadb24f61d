"""The data root: item ids and paths are one to one, listings are stable and stay outside data roots."""

import errno
import json
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner import WorkItem
from docparse_runner._workspace import (
    MARKER,
    InputRoot,
    Workspace,
    printable,
    quote_id,
    unquote_id,
    write_atomically,
)
from docparse_runner.errors import UsageError

NAMES = st.binary(min_size=1).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"\1"))) | st.text(
    st.characters(codec="utf-8"), min_size=1
)


def listed(workspace, root, keep=lambda _name: True):
    """Return (what the walk of a folder yields, the errors it tells)."""
    problems = []
    names = list(workspace.walk(InputRoot(name="in", path=root), keep, problems.append))
    return names, problems


def fill(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of documents."""
    root = tmp_path / "papers"
    fill(root, "a.txt", "2024/b.txt")
    return root


@given(NAMES)
def test_an_id_leads_back_to_its_path(path):
    assert unquote_id(quote_id(path)) == path


@given(st.lists(st.text("%25fF\n\udcff", min_size=1), unique=True))
def test_no_two_paths_have_one_id_even_if_one_looks_like_the_id_of_the_other(paths):
    assert len({quote_id(path) for path in paths}) == len(paths)


@given(NAMES)
def test_an_id_is_text_that_can_be_written_and_holds_no_control_character(path):
    item_id = quote_id(path)

    assert item_id.encode().decode() == item_id
    assert not [char for char in item_id if ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F]


@given(st.lists(NAMES.map(lambda name: name.replace("/", "_")), min_size=1))
def test_every_name_that_a_folder_can_hold_makes_an_item_id(parts):
    path = "/".join(part for part in parts if part not in {".", ".."}) or "x"

    assert WorkItem(item_id=f"papers/{quote_id(path)}").item_id == f"papers/{quote_id(path)}"


@pytest.mark.parametrize(
    ("path", "item_id"),
    [
        ("2024/Grüße 日本.pdf", "2024/Grüße 日本.pdf"),
        ("100%.pdf", "100%25.pdf"),
        ("100%25.pdf", "100%2525.pdf"),
        ("a\nb\x7f", "a%0Ab%7F"),
        ("\x85", "%C2%85"),
        (os.fsdecode(b"\xff\xc3.pdf"), "%FF%C3.pdf"),
        (os.fsdecode(b"\xed\xb2\x80"), "%ED%B2%80"),
    ],
)
def test_percent_control_characters_and_undecodable_bytes_are_escaped_and_nothing_else(path, item_id):
    assert quote_id(path) == item_id


def test_text_with_undecodable_bytes_is_made_printable_and_other_text_is_kept():
    assert printable("Grüße") == "Grüße"
    assert printable("a\udcffb") == r"a\udcffb"


def test_a_walk_yields_the_same_order_however_the_files_came_to_be(tmp_path, workspace):
    names = ["b.txt", "a/2.txt", "a/1.txt", "a.txt", "c/d/e.txt", "a-/x.txt"]
    fill(tmp_path / "one", *names)
    fill(tmp_path / "two", *reversed(names))

    first, second = listed(workspace, tmp_path / "one"), listed(workspace, tmp_path / "two")

    assert first == second
    assert sorted(first[0]) == sorted(names)


def test_a_walk_yields_the_wanted_files_only(folder, workspace):
    fill(folder, "a.pdf", "2024/b.pdf")

    assert listed(workspace, folder, lambda name: name.endswith(".pdf")) == (["a.pdf", "2024/b.pdf"], [])


def test_links_to_folders_are_not_followed_not_even_in_a_loop(folder, tmp_path, workspace):
    fill(tmp_path / "elsewhere", "c.txt")
    (folder / "2024" / "up").symlink_to(folder)
    (folder / "beside").symlink_to(tmp_path / "elsewhere")

    assert listed(workspace, folder) == (["a.txt", "2024/b.txt"], [])


def test_links_to_files_are_listed_and_links_to_nothing_are_left_out(folder, workspace):
    (folder / "link.txt").symlink_to(folder / "a.txt")
    (folder / "broken.txt").symlink_to(folder / "nothing.txt")
    (folder / "self.txt").symlink_to("self.txt")

    assert listed(workspace, folder) == (["a.txt", "link.txt", "2024/b.txt"], [])


def test_what_is_neither_a_file_nor_a_folder_is_left_out(folder, workspace):
    os.mkfifo(folder / "pipe.txt")

    assert listed(workspace, folder) == (["a.txt", "2024/b.txt"], [])


def test_a_data_root_is_never_entered_neither_this_one_nor_another(folder):
    own = Workspace(folder / "data")
    other = Workspace(folder / "2024" / "old-data")
    for each in (own, other):
        each.create()
        fill(each.root, "upper/papers/a.txt")

    assert listed(own, folder) == (["a.txt", "2024/b.txt"], [])
    assert listed(own, other.root) == ([], [])


def test_a_folder_that_vanishes_while_it_is_listed_is_told_and_the_rest_is_listed(folder, workspace):
    fill(folder, "2025/c.txt")
    problems = []
    walk = workspace.walk(InputRoot(name="in", path=folder), lambda _name: True, problems.append)

    first = next(walk)
    shutil.rmtree(folder / "2024")

    assert [first, *walk] == ["a.txt", "2025/c.txt"]
    assert [(problem.errno, problem.filename) for problem in problems] == [(errno.ENOENT, str(folder / "2024/"))]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, workspace):
    names, (problem,) = listed(workspace, tmp_path / "nothing")

    assert (names, problem.errno) == ([], errno.ENOENT)


def test_a_file_that_cannot_be_looked_at_is_told_and_left_out(folder, workspace):
    (folder / "long.txt").symlink_to("x" * 300)

    names, (problem,) = listed(workspace, folder)

    assert (names, problem.errno) == (["a.txt", "2024/b.txt"], errno.ENAMETOOLONG)


def test_an_input_of_single_files_is_those_files(folder, workspace):
    root = InputRoot(name="in", path=folder, files=("b.txt", "a.txt", ".hidden"))

    names = workspace.walk(root, lambda name: not name.startswith("."), pytest.fail)

    assert list(names) == ["a.txt", "b.txt"]


def test_a_folder_is_named_after_itself_and_a_name_can_be_given(folder, workspace):
    assert workspace.input_roots([str(folder)]) == [InputRoot(name="papers", path=folder)]
    assert workspace.input_roots([f"mine={folder}"]) == [InputRoot(name="mine", path=folder)]


def test_a_folder_below_where_we_stand_is_found_wherever_we_stand_later(folder, workspace, monkeypatch):
    monkeypatch.chdir(folder / "2024")

    (here,) = workspace.input_roots(["."])

    assert here == InputRoot(name="2024", path=folder / "2024")


def test_a_path_with_an_equals_sign_that_exists_is_a_path(tmp_path, workspace, monkeypatch):
    fill(tmp_path / "a=b", "x.txt")
    monkeypatch.chdir(tmp_path)

    assert workspace.input_roots(["a=b"]) == [InputRoot(name="a=b", path=tmp_path / "a=b")]


@pytest.mark.parametrize("name", ["..", ".", "a/b", ""])
def test_a_name_that_could_not_begin_an_id_is_taken_for_a_path(name, folder, workspace):
    with pytest.raises(UsageError, match=f"no such file or folder: {name}={folder}"):
        workspace.input_roots([f"{name}={folder}"])


def test_a_name_that_needs_it_is_escaped(tmp_path, workspace):
    fill(tmp_path / "100%", "x.txt")

    (root,) = workspace.input_roots([str(tmp_path / "100%")])

    assert root.name == "100%25"


def test_single_files_are_named_after_their_folder_and_gathered(folder, workspace):
    fill(folder, "c.txt")

    roots = workspace.input_roots([str(folder / name) for name in ("a.txt", "c.txt", "a.txt")])

    assert roots == [InputRoot(name="papers", path=folder, files=("a.txt", "c.txt"))]


@pytest.mark.parametrize("order", [1, -1])
def test_a_folder_and_a_file_in_it_are_the_folder(folder, workspace, order):
    arguments = [str(folder), str(folder / "a.txt")][::order]

    assert workspace.input_roots(arguments) == [InputRoot(name="papers", path=folder)]


def test_a_path_that_is_not_there_is_named(tmp_path, workspace):
    with pytest.raises(UsageError, match=f"no such file or folder: {tmp_path}/nothing"):
        workspace.input_roots([f"x={tmp_path}/nothing"])


def test_two_folders_of_one_name_are_refused_with_the_remedy(folder, tmp_path, workspace):
    fill(tmp_path / "other" / "papers", "z.txt")

    with pytest.raises(UsageError, match=f"'papers' already means {folder}; write NAME={tmp_path}/other/papers"):
        workspace.input_roots([str(folder), str(tmp_path / "other" / "papers")])


def test_a_name_that_the_data_root_remembers_for_another_folder_is_refused(folder, tmp_path, workspace):
    workspace.remember(workspace.input_roots([str(folder)]))
    fill(tmp_path / "other" / "papers", "z.txt")

    with pytest.raises(UsageError, match=f"'papers' already means {folder}"):
        workspace.input_roots([str(tmp_path / "other" / "papers")])


def test_a_name_means_one_kind_of_thing(folder, workspace):
    workspace.remember(workspace.input_roots([str(folder)]))

    with pytest.raises(UsageError, match="'papers' already means this folder as one of source"):
        workspace.input_roots([str(folder)], "upper")


@pytest.mark.parametrize("inside", ["", "upper", "link"])
def test_an_input_inside_the_data_root_is_refused(tmp_path, workspace, inside):
    fill(workspace.root, "upper/a.txt")
    (tmp_path / "link").symlink_to(workspace.root)
    path = tmp_path / "link" if inside == "link" else workspace.root / inside

    with pytest.raises(UsageError, match="lies in the data root"):
        workspace.input_roots([str(path)])


def test_a_folder_whose_name_begins_like_the_data_root_is_not_inside_it(tmp_path, workspace):
    fill(tmp_path / "data-of-mine", "a.txt")

    assert workspace.input_roots([str(tmp_path / "data-of-mine")])[0].name == "data-of-mine"


def test_without_arguments_the_remembered_inputs_of_that_kind_are_meant(folder, tmp_path, workspace):
    fill(tmp_path / "made", "a.upper")
    sources = workspace.input_roots([str(folder)])
    made = workspace.input_roots([str(tmp_path / "made")], "upper")

    workspace.remember([*sources, *made])

    assert Workspace(workspace.root).inputs() == [*sources, *made]
    assert workspace.input_roots([]) == sources
    assert workspace.input_roots([], "upper") == made


def test_a_data_root_that_does_not_exist_remembers_nothing(tmp_path):
    workspace = Workspace(tmp_path / "nothing")

    assert (workspace.inputs(), workspace.kinds(), workspace.input_roots([])) == ([], {}, [])


def test_single_files_are_remembered_together_and_a_whole_folder_contains_them(folder, workspace):
    fill(folder, "c.txt")
    one, two = (workspace.input_roots([str(folder / name)]) for name in ("c.txt", "a.txt"))

    workspace.remember(one)
    workspace.remember(two)
    together = workspace.inputs()
    workspace.remember(workspace.input_roots([str(folder)]))
    workspace.remember(one)

    assert together == [InputRoot(name="papers", path=folder, files=("a.txt", "c.txt"))]
    assert workspace.inputs() == [InputRoot(name="papers", path=folder)]


@pytest.mark.parametrize("damage", [b"", b"[{", b"5", b'[{"name": "x"}]', b"\xff\xfe"])
def test_damaged_inputs_are_a_usage_error_that_names_the_file(workspace, damage):
    (workspace.manifests / "inputs.json").write_bytes(damage)

    with pytest.raises(UsageError, match=r"inputs\.json is damaged .*; delete it and name the inputs again"):
        workspace.inputs()


@pytest.mark.parametrize(
    "damage", [b"", b"[", b'["upper"]', b'{"upper": 5}', b'{"upper": {"stage": "x"}}', b"\xff\xfe"]
)
def test_damaged_kinds_are_a_usage_error_that_names_the_file(workspace, damage):
    (workspace.manifests / "kinds.json").write_bytes(damage)

    with pytest.raises(UsageError, match=r"kinds\.json is damaged .*; delete it and run the stages again"):
        workspace.kinds()


def test_the_maker_of_a_kind_is_recorded_and_may_change_its_suffix(workspace):
    workspace.declare("upper", {"upper": ".upper", "extra": ".txt"})
    workspace.declare("count", {"count": ".json"})
    workspace.declare("upper", {"upper": ".UPPER"})

    assert workspace.kinds() == {
        "upper": {"stage": "upper", "suffix": ".UPPER"},
        "extra": {"stage": "upper", "suffix": ".txt"},
        "count": {"stage": "count", "suffix": ".json"},
    }


def test_what_is_recorded_already_is_not_written_again(workspace):
    workspace.declare("upper", {"upper": ".upper", "extra": ".txt"})
    before = (workspace.manifests / "kinds.json").stat()

    workspace.declare("upper", {"upper": ".upper"})

    assert (workspace.manifests / "kinds.json").stat() == before


def test_a_kind_that_another_stage_makes_is_refused_and_nothing_is_recorded(workspace):
    workspace.declare("upper", {"upper": ".upper"})

    with pytest.raises(UsageError, match=r"'upper' in .*/data is made by stage 'upper'; run 'shout' on another"):
        workspace.declare("shout", {"loud": ".loud", "upper": ".upper"})

    assert list(workspace.kinds()) == ["upper"]


def test_a_data_root_is_made_with_its_marker_and_made_again_without_harm(tmp_path):
    workspace = Workspace(tmp_path / "new" / "data")

    workspace.create()
    (workspace.root / MARKER).write_text("mine")
    workspace.create()

    assert (workspace.root / MARKER).read_text() == "mine"
    assert workspace.staging.stat().st_dev == workspace.root.stat().st_dev
    assert [each.is_dir() for each in (workspace.runs, workspace.locks, workspace.cache)] == [True] * 3


def test_a_data_root_below_a_file_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(UsageError, match=f"data root {tmp_path}/file/data cannot be written: .*; name another with"):
        Workspace(tmp_path / "file" / "data").create()


def test_a_data_root_is_absolute_from_the_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert Workspace("data").root == tmp_path / "data"
    assert Workspace("~/data").root == tmp_path / "home" / "data"


def test_paths_inside_are_recorded_relative_so_that_a_data_root_can_move(tmp_path):
    old, new = Workspace(tmp_path / "old"), Workspace(tmp_path / "new")
    path = old.artifact("upper", "papers/a.b.txt", ".upper")

    recorded = old.relative(path)

    assert recorded == "upper/papers/a.b.txt.upper"
    assert new.absolute(recorded) == str(new.root / "upper/papers/a.b.txt.upper")


def test_paths_outside_are_recorded_as_they_are(tmp_path):
    workspace = Workspace(tmp_path / "data")

    for path in (tmp_path / "a.txt", tmp_path / "data-2" / "a.txt"):
        assert workspace.absolute(workspace.relative(path)) == str(path)


def test_two_documents_that_differ_in_their_ending_have_two_artifacts(tmp_path):
    workspace = Workspace(tmp_path)

    assert workspace.artifact("upper", "p/a.pdf", ".x") != workspace.artifact("upper", "p/a.html", ".x")


def test_a_file_that_cannot_be_written_whole_stays_as_it_was_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "new" / "x.json"
    write_atomically(path, b"old")

    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")

    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["x.json"]


def test_what_is_remembered_is_json_that_a_person_can_read(folder, workspace):
    workspace.remember(workspace.input_roots([str(folder)]))

    (entry,) = json.loads((workspace.manifests / "inputs.json").read_text())

    assert entry == {"name": "papers", "path": str(folder), "kind": "source", "files": [], "forgotten": False}
