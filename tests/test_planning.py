"""The default planner: which items there are, under which ids, and what is said when there is none."""

import os
import shutil

import attrs
import msgspec
import pytest

from docparse_runner import Output, Stage, StageOptions
from docparse_runner._inputs import InputRoot
from docparse_runner._manifest import append_lines, manifest_path
from docparse_runner._model import Unchanged
from docparse_runner._planning import Listing, default_plan, listed_items, upstreams_of
from docparse_runner._row import FileState, LastGood
from docparse_runner._selection import Selection
from docparse_runner._workspace import quote_id
from docparse_runner.errors import UsageError

EVERYTHING = Selection.of(StageOptions())
UPPER = Stage(
    name="upper", version=1, consumes=["source"], patterns=["*.txt", "*.MD"], produces={"upper": Output(".upper")}
)
COUNT = Stage(name="count", version=3, consumes=["upper"], produces={"count": Output(".json")})
JOIN = Stage(name="join", version=1, consumes=["upper", "count"], produces={"join": Output(".join")})


def fill(root, *names):
    for name in names:
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("x")


@pytest.fixture
def papers(tmp_path):
    """Return an input folder."""
    fill(tmp_path / "papers", "a.txt", "2024/b.txt")
    return InputRoot(name="papers", path=tmp_path / "papers")


@pytest.fixture
def upper_made(workspace):
    """Return a function that makes artifacts of the first stage, as that stage would, from ids."""

    def make(*item_ids):
        workspace.declare("upper", {"upper": ".upper"})
        for item_id in item_ids:
            fill("/", str(workspace.artifact("upper", item_id, ".upper"))[1:])

    return make


@pytest.fixture
def record(workspace, make_row):
    """Return a function that records rows of a stage."""

    def append(stage, item_id, **fields):
        row = make_row(item_id, stage=stage, **fields)
        append_lines(manifest_path(workspace, stage), msgspec.json.encode(row) + b"\n")

    return append


@pytest.fixture
def listing(workspace):
    """Return a function that prepares the listing of a stage."""
    return lambda stage, *roots: Listing(stage, workspace, roots, upstreams_of(stage, workspace))


@pytest.fixture
def nothing(workspace):
    """Return a function that returns what is said when a stage finds nothing to do."""

    def ask(stage, *roots):
        with pytest.raises(UsageError) as caught:
            listed_items(stage, workspace, roots, upstreams_of(stage, workspace), EVERYTHING)
        return str(caught.value)

    return ask


def ids(listing):
    return [item_id for item_id, _path in listing.names()]


def test_a_document_is_its_input_name_and_its_path_in_that_folder(listing, papers):
    root = attrs.evolve(papers, name="mine")

    assert list(listing(UPPER, root).names()) == [
        ("mine/a.txt", str(papers.path / "a.txt")),
        ("mine/2024/b.txt", str(papers.path / "2024/b.txt")),
    ]


def test_folders_are_listed_one_after_the_other(listing, papers, tmp_path):
    fill(tmp_path / "b", "a.txt")

    assert ids(listing(UPPER, papers, InputRoot(name="b", path=tmp_path / "b"))) == [
        "papers/a.txt",
        "papers/2024/b.txt",
        "b/a.txt",
    ]


def test_patterns_do_not_care_about_case_and_other_files_are_left_out(listing, papers):
    fill(papers.path, "C.TXT", "d.md", "e.pdf", "f.txt.bak")

    assert ids(listing(UPPER, papers)) == ["papers/C.TXT", "papers/a.txt", "papers/d.md", "papers/2024/b.txt"]


def test_hidden_files_and_the_owner_files_of_office_are_left_out(listing, papers):
    fill(papers.path, ".a.txt", "._a.txt", "~$a.txt", "2024/.b.txt")

    assert ids(listing(UPPER, papers)) == ["papers/a.txt", "papers/2024/b.txt"]


def test_single_files_that_the_stage_does_not_take_are_left_out(listing, papers):
    root = attrs.evolve(papers, files=("a.txt", "e.pdf"))

    assert ids(listing(UPPER, root)) == ["papers/a.txt"]


@pytest.mark.parametrize(
    "name", [b"100%.txt", b"a\nb.txt", b"\xff.txt", "Grüße.txt".encode(), b"a%0Ab.txt", b"a.b.txt"]
)
def test_an_id_is_the_same_from_the_first_stage_to_the_next(listing, papers, upper_made, name):
    shutil.rmtree(papers.path)
    fill(papers.path, os.fsdecode(name))

    first = ids(listing(UPPER, papers))
    upper_made(*first)

    assert first == [f"papers/{quote_id(os.fsdecode(name))}"]
    assert ids(listing(COUNT)) == first


def test_a_stray_file_among_the_artifacts_is_an_item_with_an_id_that_can_be_written(listing, workspace, upper_made):
    upper_made("papers/a.txt")
    fill(workspace.root / "upper", "stray\n.upper", os.fsdecode(b"\xff%0A.upper"), "README", ".hidden.upper")

    found = ids(listing(COUNT))

    assert sorted(found) == ["%FF%0A", "papers/a.txt", "stray%0A"]


def test_a_folder_of_artifacts_made_elsewhere_is_listed_without_their_suffix(listing, tmp_path, upper_made):
    upper_made("papers/a.txt")
    fill(tmp_path / "made", "c/100%.txt.upper", "other.json")
    root = InputRoot(name="made", path=tmp_path / "made", kind="upper")

    assert list(listing(COUNT, root).names()) == [
        ("made/c/100%25.txt", str(tmp_path / "made/c/100%.txt.upper")),
        ("papers/a.txt", str(tmp_path / "data/upper/papers/a.txt.upper")),
    ]


def test_a_stage_may_say_itself_how_the_files_it_consumes_end(workspace, tmp_path):
    stage = attrs.evolve(COUNT, consumes={"upper": (".up", ".upper.gz")})
    fill(tmp_path / "made", "a.up", "b.upper.gz", "c.upper")
    root = InputRoot(name="made", path=tmp_path / "made", kind="upper")

    upstreams = upstreams_of(stage, workspace)

    assert (upstreams["upper"].stage, upstreams["upper"].suffixes) == ("", (".up", ".upper.gz"))
    assert ids(Listing(stage, workspace, [root], upstreams)) == ["made/a", "made/b"]


def test_the_suffix_that_the_maker_uses_here_comes_before_the_declared_ones(workspace):
    workspace.declare("upper", {"upper": ".upper"})
    stage = attrs.evolve(COUNT, consumes={"upper": (".up", ".upper")})

    assert upstreams_of(stage, workspace)["upper"].suffixes == (".upper", ".up")


def test_an_artifact_that_nobody_makes_here_is_a_usage_error(workspace):
    with pytest.raises(UsageError, match=r"no 'upper' artifacts in .*/data; run the stage that produces them first"):
        upstreams_of(COUNT, workspace)


def test_the_last_row_of_the_maker_is_known_of_each_artifact(workspace, upper_made, record):
    upper_made()
    record("upper", "papers/a.txt", run_id="r1")
    record("upper", "papers/a.txt", run_id="r2")

    upstream = upstreams_of(COUNT, workspace)["upper"]

    assert upstream.stage == "upper"
    assert [row.run_id for row in upstream.rows.values()] == ["r2"]


def test_only_what_the_maker_has_made_is_listed_and_not_what_a_killed_run_left(listing, upper_made, record):
    made = {"upper": FileState("upper/papers/x.txt.upper", 1, 1, 1, 1)}
    upper_made(*(f"papers/{letter}.txt" for letter in "abcdef"))
    record("upper", "papers/a.txt", status="gone")
    record("upper", "papers/b.txt", status="failure", last_good=LastGood("r0", made))
    record("upper", "papers/c.txt", status="failure")
    record("upper", "papers/d.txt", status="skip")
    record("upper", "papers/e.txt", outputs=made)

    assert ids(listing(COUNT)) == ["papers/b.txt", "papers/e.txt"]


def test_what_was_imported_is_listed_until_its_maker_says_otherwise(listing, upper_made, record):
    made = {"upper": FileState("upper/papers/x.txt.upper", 1, 1, 1, 1)}
    upper_made(*(f"papers/{letter}.txt" for letter in "abc"))
    record("imported", "papers/a.txt", outputs=made)
    record("imported", "papers/b.txt", outputs=made)
    record("upper", "papers/b.txt", status="gone")
    record("upper", "papers/c.txt", outputs=made)

    assert ids(listing(COUNT)) == ["papers/a.txt", "papers/c.txt"]


def test_everything_is_listed_of_a_maker_whose_manifest_is_lost(listing, upper_made):
    upper_made("papers/a.txt", "papers/b.txt")

    assert ids(listing(COUNT)) == ["papers/a.txt", "papers/b.txt"]


def test_a_document_that_is_back_is_listed_again(listing, upper_made, record):
    upper_made("papers/a.txt")
    record("upper", "papers/a.txt", status="gone")
    record("upper", "papers/a.txt", outputs={"upper": FileState("upper/papers/a.txt.upper", 1, 1, 1, 1)})

    assert ids(listing(COUNT)) == ["papers/a.txt"]


def test_an_id_that_a_whole_listing_does_not_hold_is_gone(listing, papers):
    whole = listing(UPPER, papers)
    before = whole.covers("papers/z.txt")

    ids(whole)

    assert (before, whole.covers("papers/z.txt")) == (False, True)


@pytest.mark.parametrize("item_id", ["paper/z.txt", "papers2/z.txt", "other/z.txt"])
def test_an_id_of_an_input_that_was_not_listed_is_not_gone(listing, papers, item_id):
    whole = listing(UPPER, papers)

    ids(whole)

    assert not whole.covers(item_id)


def test_an_id_is_not_gone_when_the_folder_is_empty_or_missing(listing, papers):
    whole = listing(UPPER, papers)
    ids(whole)

    for damage in ("empty", "missing"):
        shutil.rmtree(papers.path)
        if damage == "empty":
            papers.path.mkdir()
        assert (ids(whole), whole.covers("papers/a.txt")) == ([], False)


def test_an_id_is_not_gone_when_only_single_files_were_listed(listing, papers):
    part = listing(UPPER, attrs.evolve(papers, files=("a.txt",)))

    ids(part)

    assert not part.covers("papers/2024/b.txt")


def test_an_id_is_not_gone_when_a_folder_could_not_be_listed_until_it_can(listing, papers):
    whole = listing(UPPER, papers)
    names = whole.names()

    next(names)
    shutil.rmtree(papers.path / "2024")
    list(names)
    problems, covered = whole.problems, whole.covers("papers/2024/b.txt")
    ids(whole)

    assert problems == [f"{papers.path}/2024 cannot be listed: No such file or directory"]
    assert not covered
    assert (whole.problems, whole.covers("papers/2024/b.txt")) == ([], True)


def test_an_iteration_that_stopped_halfway_says_nothing_is_gone(listing, papers):
    whole = listing(UPPER, papers)

    next(whole.names())

    assert not whole.covers("papers/2024/b.txt")


def test_an_artifact_is_gone_only_if_every_folder_it_may_lie_in_was_listed_whole(listing, tmp_path, upper_made):
    upper_made("papers/a.txt")
    fill(tmp_path / "made", "c.upper")
    whole = listing(COUNT, InputRoot(name="made", path=tmp_path / "made", kind="upper"))
    ids(whole)
    covered = whole.covers("made/z"), whole.covers("papers/z")

    (tmp_path / "made" / "c.upper").unlink()
    ids(whole)

    assert covered == (True, True)
    assert (whole.covers("made/z"), whole.covers("papers/z")) == (False, True)


def test_an_item_has_an_output_for_each_kind_that_the_stage_makes(workspace, listing, papers):
    item, _other = listing(UPPER, papers).items({"upper": ".upper", "extra": ".x"})

    assert item.item_id == "papers/a.txt"
    assert item.inputs == {"source": papers.path / "a.txt"}
    assert item.outputs == {
        "upper": workspace.root / "upper/papers/a.txt.upper",
        "extra": workspace.root / "extra/papers/a.txt.x",
    }


def test_a_join_takes_its_other_inputs_from_the_data_root_by_id(workspace, listing, upper_made):
    upper_made("papers/a.txt", "papers/b.txt")
    workspace.declare("count", {"count": ".json"})
    fill(workspace.root, "count/papers/b.txt.json")

    alone, joined = listing(JOIN).items({"join": ".join"})

    assert list(alone.inputs) == list(joined.inputs) == ["upper", "count"]
    assert joined.inputs["count"] == workspace.root / "count/papers/b.txt.json"
    assert joined.inputs["count"].exists()
    assert alone.inputs["count"] == workspace.root / "count/papers/a.txt.json"
    assert not alone.inputs["count"].exists()


def test_a_join_of_artifacts_made_elsewhere_takes_the_partner_that_lies_beside(workspace, listing, tmp_path):
    workspace.declare("upper", {"upper": ".upper"})
    workspace.declare("count", {"count": ".json"})
    fill(tmp_path / "made", "a.upper", "a.json", "b.upper")
    fill(workspace.root, "count/made/a.json", "count/made/b.json")

    first, second = listing(JOIN, InputRoot(name="made", path=tmp_path / "made", kind="upper")).items({})

    assert first.inputs == {"upper": tmp_path / "made/a.upper", "count": tmp_path / "made/a.json"}
    assert second.inputs == {"upper": tmp_path / "made/b.upper", "count": workspace.root / "count/made/b.json"}


def test_a_plan_knows_its_total_and_can_be_read_again_and_shows_what_is_there_now(workspace, papers):
    found, total = listed_items(UPPER, workspace, [papers], {}, EVERYTHING)
    plan = default_plan(UPPER, found, total, options=None, cfg_hash="o-e")
    before = [item.item_id for item in plan.items]
    fill(papers.path, "c.txt")

    after = [item.item_id for item in plan.items]

    assert before == ["papers/a.txt", "papers/2024/b.txt"]
    assert after == ["papers/a.txt", "papers/c.txt", "papers/2024/b.txt"]
    assert (plan.stage_name, plan.stage_version, plan.config_hash, plan.total_items) == ("upper", 1, "o-e", 2)
    assert plan.covers("papers/z.txt")
    assert plan.unique_ids


def test_a_plan_of_artifacts_from_two_places_does_not_promise_that_no_id_repeats(workspace, tmp_path, upper_made):
    upper_made("made/a")
    fill(tmp_path / "made", "a.upper")
    root = InputRoot(name="made", path=tmp_path / "made", kind="upper")
    found, total = listed_items(COUNT, workspace, [root], upstreams_of(COUNT, workspace), EVERYTHING)

    plan = default_plan(COUNT, found, total, options=None, cfg_hash="")

    assert ids(found) == ["made/a", "made/a"]
    assert not plan.unique_ids


def test_without_any_input_it_says_to_name_one(nothing, workspace):
    assert nothing(UPPER) == (
        f"no input: name the files or folders that upper should take; {workspace.root} remembers none yet"
    )


def test_without_a_matching_file_it_says_where_it_looked_and_for_what(nothing, papers, tmp_path):
    shutil.rmtree(papers.path)
    fill(papers.path, "x.pdf", ".a.txt")
    fill(tmp_path / "b", "x.pdf")
    other = InputRoot(name="b", path=tmp_path / "b")

    assert nothing(UPPER, papers, other) == (
        f"no matching files in {papers.path}, {other.path}; upper takes *.txt *.MD"
    )


def test_a_single_file_that_does_not_match_is_named(nothing, papers):
    said = nothing(UPPER, attrs.evolve(papers, files=("x.pdf",)))

    assert said == f"no matching files in {papers.path}/x.pdf; upper takes *.txt *.MD"


def test_a_folder_that_cannot_be_listed_is_the_reason_that_is_given(nothing, papers):
    shutil.rmtree(papers.path)

    assert nothing(UPPER, papers) == (
        f"nothing to do for upper: {papers.path} cannot be listed: No such file or directory"
    )


def test_a_folder_without_artifacts_is_named_with_the_way_out(nothing, workspace, papers):
    workspace.declare("upper", {"upper": ".upper"})

    assert nothing(COUNT, attrs.evolve(papers, kind="upper")) == (
        f"no upper files (*.upper) in {papers.path}; leave out INPUT to use what {workspace.root} holds"
    )


def test_a_data_root_without_artifacts_says_which_stage_to_run(nothing, workspace):
    workspace.declare("upper", {"upper": ".upper"})

    assert nothing(COUNT) == (
        f"no upper files (*.upper) in {workspace.root}; run upper first, or name a folder that holds some"
    )


def test_when_no_stage_is_known_to_make_them_the_kind_is_named(nothing, workspace):
    stage = attrs.evolve(COUNT, consumes={"upper": (".up", ".upper")})

    assert nothing(stage) == (
        f"no upper files (*.up or *.upper) in {workspace.root}; run a stage that produces 'upper' first, "
        "or name a folder that holds some"
    )


def test_a_plan_in_which_everything_is_gone_is_empty_and_no_error(workspace, upper_made, record):
    upper_made("papers/a.txt")
    record("upper", "papers/a.txt", status="gone")

    found, total = listed_items(COUNT, workspace, [], upstreams_of(COUNT, workspace), EVERYTHING)

    assert (total, ids(found)) == (0, [])
    assert found.covers("papers/a.txt")


def test_between_the_items_stands_how_many_need_nothing(workspace, papers, tmp_path):
    fill(tmp_path / "papers", *(f"x{number:04}.txt" for number in range(600)))
    plan = default_plan(UPPER, *listed_items(UPPER, workspace, [papers], {}, EVERYTHING), options=None, cfg_hash="")

    found = list(
        plan.items_unless(lambda item_id, _kind, _path: item_id.startswith("papers/x") and "x0300" not in item_id)
    )

    shown = [each.count if isinstance(each, Unchanged) else each.item_id for each in found]
    assert shown == ["papers/a.txt", 256, 44, "papers/x0300.txt", 256, 43, "papers/2024/b.txt"]
    assert list(plan.items_unless(lambda *_: True)) == [Unchanged(256), Unchanged(256), Unchanged(90)]


def test_items_with_several_inputs_are_always_looked_at(workspace, upper_made):
    upper_made("papers/a.txt")
    workspace.declare("count", {"count": ".json"})
    upstreams = upstreams_of(JOIN, workspace)
    plan = default_plan(JOIN, *listed_items(JOIN, workspace, [], upstreams, EVERYTHING), options=None, cfg_hash="")

    assert plan.items_unless is None
