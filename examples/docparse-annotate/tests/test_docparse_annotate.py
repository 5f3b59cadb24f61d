"""What this stage does, and what it makes of a service that does not do its part."""

import json
from collections.abc import Callable
from pathlib import Path
from threading import Barrier

import pytest
from annotate_service import TOKEN, Service
from docparse_runner.errors import UsageError
from docparse_runner.testing import StageHarness

Harness = Callable[..., StageHarness]
Documents = dict[str, str]
EIGHT = {name: json.dumps({"text": f"Here is {name.title()}"}) for name in "abcdefgh"}


def failed(harness: StageHarness) -> dict[str, object]:
    return {name: row.category for name, row in harness.rows().items() if row.status == "failure"}


def test_a_batch_is_one_request(stage_harness: Harness, service: Service) -> None:
    harness = stage_harness("annotate", url=service.url, model="small")
    harness.write(EIGHT)

    outcome = harness.run()

    assert outcome.succeeded == 8
    assert [len(texts) for texts in service.requests] == [8]
    assert list(harness.outputs("a").values()) == [
        b'{"name":"Here","model":"small"}\n{"name":"A","model":"small"}\n',
    ]
    assert harness.rows()["a"].metrics == {"annotations": 2}


@pytest.mark.parametrize(("status", "category"), [(500, "provider"), (422, "input")])
def test_the_document_that_the_service_cannot_do_is_blamed_alone(
    stage_harness: Harness, service: Service, status: int, category: str
) -> None:
    harness = stage_harness("annotate", url=service.url)
    harness.write({**EIGHT, "e": json.dumps({"text": f"[{status}]"})})

    outcome = harness.run()

    assert (outcome.succeeded, failed(harness)) == (7, {"e": category})
    assert [len(texts) for texts in service.requests] == [8, 4, 4, 2, 1, 1, 2]


def test_an_answer_that_is_not_for_each_document_is_no_answer(stage_harness: Harness, service: Service) -> None:
    harness = stage_harness("annotate", url=service.url)
    harness.write({**EIGHT, "c": json.dumps({"text": "[miscounted]"})})

    outcome = harness.run()

    assert (outcome.succeeded, failed(harness)) == (7, {"c": "provider"})


def test_a_document_over_which_the_service_falls_silent_is_blamed_alone(
    stage_harness: Harness, service: Service
) -> None:
    harness = stage_harness("annotate", url=service.url, patience_s=0.3)
    harness.write({**EIGHT, "h": json.dumps({"text": "[silence]"})})

    outcome = harness.run()

    assert (outcome.succeeded, failed(harness)) == (7, {"h": "provider"})
    assert "gave no answer: timed out" in str(outcome.errors[0].message)


def test_batches_are_sent_side_by_side(stage_harness: Harness, service: Service) -> None:
    service.together = Barrier(2, timeout=20)
    harness = stage_harness("annotate", url=service.url)
    harness.write({f"{name}{number}": text for name, text in EIGHT.items() for number in (1, 2)})

    outcome = harness.run(workers=2)

    assert outcome.succeeded == 16
    assert not service.together.broken


def test_a_service_that_was_busy_is_asked_again(stage_harness: Harness, service: Service) -> None:
    service.answers = [503]
    harness = stage_harness("annotate", url=service.url, retries=1, retry_backoff_s=0.0)
    harness.write(EIGHT)

    outcome = harness.run()

    assert (outcome.succeeded, outcome.failed) == (8, 0)
    assert {row.attempts for row in harness.rows().values()} == {2}


def test_a_service_that_is_away_is_asked_once_for_a_batch(stage_harness: Harness, service: Service) -> None:
    service.answers = [503]
    harness = stage_harness("annotate", url=service.url)
    harness.write(EIGHT)

    outcome = harness.run()

    assert (outcome.succeeded, set(failed(harness).values())) == (0, {"provider"})
    assert len(service.requests) == 1


def test_a_service_that_does_not_run_is_a_failure_of_the_provider(stage_harness: Harness, service: Service) -> None:
    with Service() as gone:
        url = gone.url
    harness = stage_harness("annotate", url=url, retries=1, retry_backoff_s=0.0)
    harness.write({"a": EIGHT["a"], "b": EIGHT["b"]})

    outcome = harness.run()

    assert (outcome.failed, failed(harness)) == (2, {"a": "provider", "b": "provider"})
    assert {row.attempts for row in harness.rows().values()} == {2}

    again = harness.run(url=service.url)

    assert (harness.ran(again), again.succeeded) == ({"a", "b"}, 2)


def test_a_token_that_is_refused_stops_the_run_and_blames_nobody(stage_harness: Harness, service: Service) -> None:
    service.token = TOKEN
    harness = stage_harness("annotate", url=service.url)
    harness.write(EIGHT)

    stopped = harness.stopped()

    assert "refuses the token (401); set DOCPARSE_ANNOTATE__TOKEN" in str(stopped)
    assert harness.rows() == {}
    assert len(service.requests) == 1


def test_the_token_opens_the_service_and_is_written_nowhere(
    stage_harness: Harness, service: Service, tmp_path: Path
) -> None:
    service.token = TOKEN
    harness = stage_harness("annotate", url=service.url, token=TOKEN)
    harness.write(EIGHT)

    outcome = harness.run()

    assert outcome.succeeded == 8
    assert [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()] == []


def test_an_address_without_a_service_behind_it_stops_the_run(stage_harness: Harness, service: Service) -> None:
    harness = stage_harness("annotate", url=f"{service.url}/elsewhere")
    harness.write(EIGHT)

    stopped = harness.stopped()

    assert "has nothing at this address (404); see --url" in str(stopped)


def test_without_an_address_nothing_begins(stage_harness: Harness) -> None:
    harness = stage_harness("annotate")
    harness.write(EIGHT)

    stopped = harness.stopped()

    assert isinstance(stopped, UsageError)
    assert "annotate needs the address of the service" in str(stopped)
