"""What this stage does."""

import json
from collections.abc import Callable

from docparse_runner.testing import StageHarness

ENGLISH = "A walrus is a large mammal that lives on the ice of the northern seas, and eats clams."
GERMAN = "Das Walross lebt auf dem Eis."

Harness = Callable[..., StageHarness]


def chunks(*texts: str) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def made(harness: StageHarness, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for content in harness.outputs(name).values() for line in content.splitlines()]


def test_it_names_the_languages_of_a_document_the_most_used_first(stage_harness: Harness) -> None:
    harness = stage_harness("language")
    harness.write({"a": chunks(GERMAN, ENGLISH)})

    harness.run()

    assert made(harness, "a") == [
        {"language": "en", "characters": len(ENGLISH)},
        {"language": "de", "characters": len(GERMAN)},
    ]
    assert harness.rows()["a"].metrics == {"language": "en", "languages": 2}


def test_only_languages_that_come_into_question_are_named(stage_harness: Harness) -> None:
    harness = stage_harness("language", among=("fr", "de"), min_confidence=0.0)
    harness.write({"a": chunks(ENGLISH)})

    harness.run()

    assert {row["language"] for row in made(harness, "a")} <= {"fr", "de"}


def test_what_may_be_any_language_is_undetermined(stage_harness: Harness) -> None:
    harness = stage_harness("language", min_confidence=1.0)
    harness.write({"a": chunks("ok")})

    harness.run()

    assert made(harness, "a") == [{"language": "und", "characters": 2}]


def test_a_document_without_text_is_skipped(stage_harness: Harness) -> None:
    harness = stage_harness("language")
    harness.write({"a": chunks("", "  ")})

    outcome = harness.run()

    assert (outcome.skipped, outcome.failed) == (1, 0)
    assert harness.rows()["a"].reason == "it has no text"


def test_a_language_that_the_model_does_not_know_stops_the_run(stage_harness: Harness) -> None:
    harness = stage_harness("language", among=("de", "klingon"))
    harness.write({"a": chunks(GERMAN)})

    stopped = harness.stopped(workers=1)

    assert "--among: Unknown language code(s): {'klingon'}" in str(stopped)
    assert harness.rows() == {}
