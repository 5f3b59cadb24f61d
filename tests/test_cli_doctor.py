"""``docparse doctor``: what it finds, what it calls a problem, what it says to do, and that it leaves all as it was."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from docparse_runner import Workspace, _checkup_data, _checkup_machine
from docparse_runner._checkup import size
from docparse_runner._checkup_packages import Need, needs, packages
from docparse_runner._lock import run_lock


@pytest.fixture
def here(stages):
    """Write a configuration whose pipeline needs no model."""
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper", "count"]\n[runner]\nworkers = 0\n')
    return stages


@pytest.fixture
def found(docparse, here):
    """Return a function that returns (exit code, findings) of ``docparse doctor --json``."""

    def look(*arguments):
        ended = docparse("doctor", "--json", *arguments)
        said = json.loads(ended.out)
        assert said["to_fix"] == sum(each["level"] == "fix" for each in said["findings"])
        return ended.code, said["findings"]

    return look


def to_fix(findings):
    return [(each["topic"], each["text"], each["remedy"]) for each in findings if each["level"] == "fix"]


def about(findings, topic):
    return [each for each in findings if each["topic"] == topic]


def test_where_all_is_well_there_is_nothing_to_fix_and_nothing_is_touched(docparse, found, here):
    before = sorted(here.rglob("*"))

    code, findings = found()
    said = docparse("doctor")

    assert (to_fix(findings), code, said.code) == ([], 0, 0)
    assert said.out.splitlines()[-1] == "nothing to fix"
    assert {each["topic"] for each in findings} >= {
        *("python", "cores", "memory", "devices", "docparse", "stage", "watchers", "configuration", "models"),
        *("hub cache", "data root"),
    }
    assert sorted(here.rglob("*")) == before


def test_versions_and_contracts_are_told(found):
    _code, findings = found()

    assert about(findings, "python")[0]["data"]["version"] == platform.python_version()
    assert about(findings, "docparse")[0]["data"]["api"] == 1
    (upper,) = [each for each in about(findings, "stage") if each["data"]["name"] == "upper"]
    assert upper["data"] == {
        "name": "upper",
        "distribution": "teststages",
        "version": "1.0",
        "stage_version": 1,
        "api": 1,
    }


def test_no_heavy_library_is_imported(here):
    probe = (
        "import sys\nfrom docparse_runner.cli import main\n"
        "try:\n    main(['doctor'])\nexcept SystemExit:\n    print(*sorted(sys.modules), file=sys.stderr)\n"
    )

    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=here)

    assert {"torch", "transformers", "docling", "pyarrow"}.isdisjoint(ended.stderr.split())
    assert "stage_upper" in ended.stderr.split()


# --- packages


def test_a_broken_stage_is_to_be_fixed(docparse, found, install_module):
    install_module("bad_stage", "import a_library_that_is_missing", stages={"bad": "bad_stage"})

    code, findings = found()
    said = docparse("doctor").out.splitlines()

    reason = "cannot be loaded: ModuleNotFoundError: No module named 'a_library_that_is_missing'"
    assert (code, to_fix(findings)) == (
        1,
        [("stage", f"bad of bad_stage 1.0 is broken: {reason}", "pip install bad_stage")],
    )
    place = next(number for number, line in enumerate(said) if line.startswith("FIX   stage  "))
    assert said[place].endswith(reason)
    assert said[place + 1].strip() == "to do: pip install bad_stage"
    assert said[-1] == "1 to fix"


def test_what_an_extra_would_enable_is_noted_and_is_nothing_to_fix(found, install_module):
    text = (Path(__file__).parent / "stages" / "stage_count.py").read_text().replace('name="count"', 'name="able"')
    text += (
        "\nfrom docparse_runner import Capability\n\n@hookimpl\ndef docparse_capabilities():\n"
        "    yield Capability.of_extra('able[lib]', 'json', name='figures', summary='exact')\n"
        "    yield Capability.of_extra('able[fast]', 'json', 'a_missing_library', name='speed', summary='ten times')\n"
    )
    install_module("able_stage", text, stages={"able": "able_stage"})

    code, findings = found()

    assert code == 0
    assert [(each["level"], each["text"], each["remedy"]) for each in about(findings, "able")] == [
        ("ok", "figures: exact", ""),
        ("note", "no speed: ten times", "pip install 'able[fast]'"),
    ]


def test_a_broken_watcher_is_to_be_fixed(found, install_module):
    install_module(
        "bad_watch", "class Watch:\n    def __init__(self): raise ValueError('no')", plugins={"bad": "bad_watch:Watch"}
    )

    code, findings = found()

    assert code == 1
    assert [text for _topic, text, _remedy in to_fix(findings)] == ["watcher left out: bad: ValueError: no"]


def test_a_name_that_two_packages_claim_is_to_be_fixed(found, install_module):
    install_module("one_tool", "", commands={"tool": "one_tool"})
    install_module("two_tool", "", commands={"tool": "two_tool"})

    _code, findings = found()

    assert to_fix(findings) == [
        ("conflict", "the command tool is claimed by several packages: one_tool, two_tool", "uninstall all but one")
    ]


def test_two_stages_that_make_one_kind_are_noted(found, install_module):
    text = (Path(__file__).parent / "stages" / "stage_count.py").read_text().replace('name="count"', 'name="rival"')
    install_module("rival_stage", text, stages={"rival": "rival_stage"})

    code, findings = found()

    assert code == 0
    assert [(each["level"], each["text"]) for each in about(findings, "kinds")] == [
        ("note", "count and rival make 'count'; a pipeline can have only one of them")
    ]


@pytest.fixture
def requiring(stages, install_module):
    """Return a function that installs a package with these requirements."""

    def install(*requirements):
        install_module("needy_stage", "", commands={"needy": "needy_stage"})
        metadata = stages / "site" / "needy_stage-1.0.dist-info" / "METADATA"
        lines = "".join(f"Requires-Dist: {each}\n" for each in requirements)
        metadata.write_text(metadata.read_text() + lines)

    return install


def test_what_a_plugin_requires_and_lacks_is_to_be_fixed(found, requiring):
    requiring("teststages>=1.1", "no-such-package")

    code, findings = found()

    assert (code, to_fix(findings)) == (
        1,
        [
            ("requirement", "needy_stage requires teststages>=1.1; 1.0 is installed", "pip install 'teststages>=1.1'"),
            (
                "requirement",
                "needy_stage requires no-such-package; it is not installed",
                "pip install 'no-such-package'",
            ),
        ],
    )


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("teststages", []),
        ("teststages>=1.0.0", []),
        ("teststages (>=0.9,<2)", []),
        ("teststages[extra]~=1.0", []),
        ("teststages<2,>=1.0.1", [Need("teststages", "1.0.1", "1.0")]),
        ("teststages>=1!2", []),
        ("teststages==1.*", []),
        ("teststages>=10", [Need("teststages", "10", "1.0")]),
        ("no-such-package>=2", [Need("no-such-package", "2", None)]),
        ("no-such-package; extra == 'all'", []),
        ("no-such-package; sys_platform == 'win32'", []),
    ],
)
def test_lower_bounds_are_read_from_requirements_without_markers(requiring, requirement, expected):
    requiring(requirement)

    assert list(needs("needy_stage")) == expected


def test_a_package_that_is_not_there_needs_nothing():
    assert list(needs("no-such-package")) == []


# --- configuration, models


def test_a_bad_configuration_is_to_be_fixed_and_the_rest_is_still_looked_at(found):
    Path("docparse.toml").write_text("[runer]\n")

    code, findings = found()

    ((topic, text, remedy),) = to_fix(findings)
    assert (code, topic) == (1, "configuration")
    assert text.startswith("docparse.toml: unknown key runer;")
    assert "docparse config show --sources" in remedy
    assert about(findings, "stage")


def test_a_bad_option_of_a_stage_is_to_be_fixed(found):
    with Path("docparse.toml").open("a") as file:
        file.write("[stage.upper]\ndelay_s = 'long'\n")

    code, findings = found()

    assert code == 1
    assert [topic for topic, _text, _remedy in to_fix(findings)] == ["configuration"]


def test_the_file_and_the_profile_in_use_are_told(found, monkeypatch):
    monkeypatch.setenv("DOCPARSE_PROFILE", "cpu")

    _code, findings = found()

    (told,) = about(findings, "configuration")
    assert told["data"] == {"file": "docparse.toml", "profile": "cpu"}


def test_what_a_stage_finds_here_is_told(found):
    _code, findings = found()

    assert [(each["text"], each["data"]) for each in about(findings, "models")] == [
        ('upper: engine "plain"', {"stage": "upper", "engine": "plain"})
    ]


def test_a_stage_that_does_not_find_what_it_needs_is_to_be_fixed(found, install_module):
    text = (Path(__file__).parent / "stages" / "stage_count.py").read_text().replace('name="count"', 'name="lost"')
    text += "\n@hookimpl\ndef docparse_resolve(context):\n    raise FileNotFoundError('no model here')\n"
    install_module("lost_stage", text, stages={"lost": "lost_stage"})
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper", "lost"]\n')

    code, findings = found()

    ((topic, text, remedy),) = to_fix(findings)
    assert (code, topic) == (1, "models")
    assert "no model here" in text
    assert "docparse config show lost" in remedy


def test_a_pipeline_that_names_no_stage_of_this_machine_is_to_be_fixed(found):
    Path("docparse.toml").write_text('[pipeline]\nstages = ["upper", "uper"]\n')

    _code, findings = found()

    ((topic, text, _remedy),) = to_fix(findings)
    assert topic == "configuration"
    assert text.startswith("[pipeline]: no stage 'uper'; installed: ")


def test_the_models_of_the_hubs_cache_are_listed(found, here, monkeypatch):
    (here / "hub" / "models--acme--small").mkdir(parents=True)
    monkeypatch.setenv("HF_HUB_CACHE", str(here / "hub"))

    _code, findings = found()

    assert about(findings, "hub cache")[0]["data"] == {"path": str(here / "hub"), "models": ["acme/small"]}


# --- the data root


def test_who_holds_a_run_lock_is_told_while_it_is_held(found, here):
    workspace = Workspace(here / "docparse-data")
    workspace.create()

    with run_lock(workspace, "upper", "2/4"):
        code, during = found()
    _code, after = found()

    (held,) = about(during, "lock")
    assert (code, held["level"]) == (0, "ok")
    assert held["text"].startswith(f"upper.2of4 is held by process {os.getpid()} on {platform.node()} since 20")
    assert about(after, "lock") == []


def test_a_lock_that_was_taken_on_another_machine_is_noted(found, here):
    locks = here / "docparse-data" / ".locks"
    locks.mkdir(parents=True)
    holder = {"host": "elsewhere", "pid": 7, "since": "2026-11-23T14:28:01+00:00"}
    (locks / "upper.holder.json").write_text(json.dumps(holder))
    (locks / "count.holder.json").write_text("{")

    code, findings = found()

    (noted,) = about(findings, "lock")
    assert (code, noted["level"]) == (0, "note")
    assert noted["text"].startswith("upper was last taken by process 7 on elsewhere since 2026-11-23T14:28:01+00:00;")


def test_what_a_killed_run_left_is_noted(found, here):
    left = here / "docparse-data" / ".staging" / "upper" / "r1" / "out.txt"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x" * 2048)

    code, findings = found()

    (noted,) = about(findings, "leftovers")
    assert (code, noted["level"]) == (0, "note")
    assert noted["text"] == "killed runs of upper left 1 file, 2.0 KiB"
    assert noted["remedy"] == "the next docparse run upper removes them"


def test_an_input_folder_that_is_gone_is_to_be_fixed(found, docs, docparse):
    docparse("run", "upper", docs(a="text"))
    there = found()[1]
    Path("docs").rename("moved")

    code, findings = found()

    ((topic, text, remedy),) = to_fix(findings)
    assert to_fix(there) == []
    assert (code, topic) == (1, "input")
    assert text.endswith("docs, which is not there")
    assert remedy == "bring it back, or mount it; if it is gone for good: docparse inputs forget docs"


def test_a_damaged_file_of_the_data_root_is_to_be_fixed(found, here):
    manifests = here / "docparse-data" / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "inputs.json").write_text("{")

    _code, findings = found()

    ((topic, text, _remedy),) = to_fix(findings)
    assert topic == "data root"
    assert "inputs.json is damaged" in text


def test_a_full_disk_is_to_be_fixed(found, monkeypatch):
    monkeypatch.setattr(_checkup_data, "_LITTLE_DISK", 2**80)

    _code, findings = found()

    ((topic, _text, remedy),) = to_fix(findings)
    assert (topic, remedy) == ("data root", "free some space, or use --data-root on another disk")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_root_that_cannot_be_written_is_to_be_fixed(found, here):
    (here / "docparse-data").mkdir(mode=0o500)

    _code, findings = found()

    assert "cannot be written" in to_fix(findings)[0][1]


# --- the machine


def test_little_memory_is_to_be_fixed(found, monkeypatch):
    monkeypatch.setattr(_checkup_machine, "_LITTLE_MEMORY", 2**80)

    _code, findings = found()

    assert [topic for topic, _text, _remedy in to_fix(findings)] == ["memory"]


TOOLS = {
    "names": ("echo 'Some GPU 80GB'", ["Some GPU 80GB"]),
    "fails": ("exit 9", []),
    "hangs": ("exec sleep 60", []),
}


@pytest.mark.skipif(os.name == "nt" or Path("/proc/driver/nvidia").exists(), reason="needs a shell, and no driver")
@pytest.mark.parametrize("case", TOOLS)
def test_devices_are_named_by_the_drivers_tool_and_may_be_hidden(found, here, monkeypatch, case):
    script, names = TOOLS[case]
    tool = here / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    _code, findings = found()

    (told,) = about(findings, "devices")
    assert told["data"] == {"numbers": [], "names": names}
    assert told["text"].endswith("hidden by CUDA_VISIBLE_DEVICES") == bool(names)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1536, "1.5 KiB"), (3 * 1024**3, "3.0 GiB"), (2**41, "2.0 TiB")]
)
def test_sizes_are_told_in_the_unit_that_fits(count, text):
    assert size(count) == text


def test_a_process_that_ended_holds_no_lock(found, here):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    locks = here / "docparse-data" / ".locks"
    locks.mkdir(parents=True)
    holder = {"host": platform.node(), "pid": ended.pid, "since": "2026-11-23T14:28:01+00:00"}
    (locks / "upper.holder.json").write_text(json.dumps(holder))

    _code, findings = found()

    assert about(findings, "lock") == []


@pytest.mark.usefixtures("stages")
def test_a_machine_without_any_stage_is_told_how_to_get_one():
    (told,) = [each for each in packages([]) if each.topic == "stages"]

    assert (told.level, told.text) == ("fix", "none is installed")
    assert told.remedy == "for example: pip install docparse-doctags"
