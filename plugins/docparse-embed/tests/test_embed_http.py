"""Model servers: what is asked of them, and what their answers lead to."""

import json
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from embed_calls import alone
from embed_servers import INFO, Answer, Listening, ModelServer, openai, tei, vector

from docparse_embed import docparse_worker, open_query_encoder
from docparse_embed.providers._http import retry_after
from docparse_runner import StageError

pytest.importorskip("httpx", reason="pip install 'docparse-embed[http]'")


@pytest.fixture
def tei_server():
    with Listening(ModelServer(tei)) as server:
        yield server


@pytest.fixture
def openai_server():
    with Listening(ModelServer(openai), "/v1") as server:
        yield server


@pytest.fixture
def ask(make_context, make_item):
    """Embed texts with a server; returns the outcome and the vectors."""

    def run(server, provider, texts, *, cache=False, **options):
        model = {"tei": None, "openai": "text-embedding-3-small"}[provider]
        context = make_context(
            provider=provider, endpoint=server.url, **{"model": model, "cache": cache, "concurrency": 2, **options}
        )
        item = make_item([{"chunk_id": f"c{n}", "doc_id": "d", "text": text} for n, text in enumerate(texts)])
        outcome = alone(context, item)
        table = pq.read_table(item.outputs["embeddings"])
        dense = table["dense"].combine_chunks()
        rows = dense.flatten().to_numpy().reshape(len(table), dense.type.list_size)
        return outcome, rows, json.loads(table.schema.metadata[b"docparse"])

    return run


TEXTS = [f"a duck {'k' * n}" for n in range(9)]


@pytest.mark.parametrize("provider", ["tei", "openai"])
def test_each_text_gets_its_own_vector(provider, request, ask):
    server = request.getfixturevalue(f"{provider}_server")

    outcome, rows, footer = ask(server, provider, TEXTS)

    np.testing.assert_allclose(rows, [vector(text) for text in TEXTS], rtol=1e-6)
    assert (outcome.metrics["encoded"], footer["provider"], footer["dimension"]) == (9, provider, 4)
    assert footer["normalized"] is True


def test_a_server_that_does_not_know_base64_is_understood(openai_server, ask):
    def with_lists(path, body):
        answer = openai(path, body)
        for entry in answer.body["data"]:
            entry["embedding"] = vector(body["input"][entry["index"]])
        return answer

    openai_server.answer = with_lists

    _outcome, rows, _footer = ask(openai_server, "openai", TEXTS)

    np.testing.assert_allclose(rows, [vector(text) for text in TEXTS], rtol=1e-6)


def test_requests_are_as_large_as_the_server_takes_and_some_at_a_time(tei_server, ask):
    def slowly(path, body):
        time.sleep(0.02)
        return tei(path, body)

    tei_server.answer = slowly

    ask(tei_server, "tei", TEXTS)

    sizes = [len(body["inputs"]) for path, body in tei_server.asked if path == "/embed"]
    assert max(sizes) == 2
    assert tei_server.busiest == 2


def test_what_the_server_says_of_its_model_is_recorded(tei_server, ask, make_context):
    _outcome, _rows, footer = ask(tei_server, "tei", TEXTS[:1])

    assert footer["model"] == f"{tei_server.url}#BAAI/bge-small-en-v1.5"
    assert footer["revision"] == INFO["model_sha"]
    assert (footer["pooling"], footer["max_tokens"]) == ("cls", 16)


def test_another_model_behind_the_same_address_is_another_fingerprint(tei_server, make_context):
    before = make_context(provider="tei", endpoint=tei_server.url).resolved
    tei_server.answer = lambda _path, _body: Answer({**INFO, "model_sha": "another"})

    after = make_context(provider="tei", endpoint=tei_server.url).resolved

    assert before != after


def test_a_server_with_another_model_than_the_one_named_is_refused(tei_server, make_context):
    with pytest.raises(StageError, match=r"serves BAAI/bge-small-en-v1\.5, not intfloat/e5-small") as caught:
        make_context(provider="tei", endpoint=tei_server.url, model="intfloat/e5-small")

    assert caught.value.category == "config"


def test_texts_over_the_servers_limit_are_counted_as_it_counts(tei_server, ask):
    outcome, _rows, _footer = ask(tei_server, "tei", ["duck " * 14, "duck " * 15])

    assert outcome.metrics["truncated"] == 1


def test_prompts_are_put_before_texts_and_queries(openai_server, ask, tmp_path):
    prompts = {"document_prompt": "passage: ", "query_prompt": "query: "}

    _outcome, _rows, footer = ask(openai_server, "openai", ["duck"], **prompts)
    with open_query_encoder(
        provider="openai",
        model=footer["model"],
        digest=footer["model_digest"],
        dimension=4,
        query_prompt=footer["query_prompt"],
        cache=tmp_path,
    ) as encoder:
        encoder.encode_query("bill")

    assert "passage: duck" in openai_server.texts
    assert openai_server.texts[-1] == "query: bill"


def test_a_server_that_says_when_to_come_back_is_waited_for(openai_server, ask):
    busy = Answer({"error": {"message": "Rate limit reached"}}, 429, {"Retry-After": "0.05"})
    openai_server.troubles = [busy, busy]

    outcome, _rows, _footer = ask(openai_server, "openai", ["duck"])

    assert outcome.metrics["encoded"] == 1


@pytest.mark.parametrize(
    ("trouble", "category", "said"),
    [
        (Answer({"error": {"message": "Rate limit reached"}}, 429), "provider", "429: Rate limit reached"),
        (Answer({"error": "Model is overloaded", "error_type": "overloaded"}, 429), "provider", "Model is overloaded"),
        (Answer("upstream is gone", 503), "provider", "503: upstream is gone"),
        (Answer({"error": {"message": "later"}}, 429, {"Retry-After": "3600"}), "provider", "429: later"),
        (Answer({"error": {"message": "quota", "code": "insufficient_quota"}}, 429), "config", "429: quota; see"),
        (Answer({"error": {"message": "no such model"}}, 404), "config", "404: no such model; see --endpoint"),
        (Answer({"error": {"message": "maximum context length is 8192"}}, 400), "input", "maximum context length"),
        (Answer("<html>", 200), "provider", "not JSON"),
        (Answer({"data": []}, 200), "provider", "not one vector for each of 1 texts"),
        (Answer({"data": [{"index": 0, "embedding": "%%"}]}, 200), "provider", "not one vector for each of 1 texts"),
    ],
)
def test_what_a_server_says_decides_what_happens(openai_server, ask, trouble, category, said):
    openai_server.troubles = [trouble]

    with pytest.raises(StageError, match=said) as caught:
        ask(openai_server, "openai", ["duck"])

    assert caught.value.category == category


def test_a_server_that_is_not_there_may_be_tried_again(make_context, make_item):
    context = make_context(provider="openai", endpoint="http://127.0.0.1:9/v1", model="any")

    with (
        pytest.raises(StageError, match=r"http://127\.0\.0\.1:9/v1 does not answer") as caught,
        docparse_worker(context),
    ):
        pass

    assert (caught.value.category, caught.value.is_retryable) == ("provider", True)


def test_a_wrong_key_stops_the_run_and_is_nowhere_to_be_read(openai_server, ask):
    openai_server.key = "the-right-one"

    with pytest.raises(StageError, match="401: Incorrect API key provided") as caught:
        ask(openai_server, "openai", ["duck"], api_key="sk-secret-0815")

    assert caught.value.category == "config"
    assert "sk-secret-0815" not in f"{caught.value.message} {caught.value.detail} {caught.traceback}"


def test_the_key_is_sent_and_kept_out_of_the_footer(openai_server, ask):
    openai_server.key = "sk-secret-0815"

    _outcome, _rows, footer = ask(openai_server, "openai", ["duck"], api_key="sk-secret-0815")

    assert "secret" not in json.dumps(footer)


def test_queries_take_the_key_from_the_variable_of_the_stage(openai_server, ask, tmp_path, monkeypatch):
    openai_server.key = "sk-secret-0815"
    _outcome, _rows, footer = ask(openai_server, "openai", ["duck"], api_key="sk-secret-0815")
    monkeypatch.setenv("DOCPARSE_EMBED__API_KEY", "sk-secret-0815")

    with open_query_encoder(
        provider="openai",
        model=footer["model"],
        digest=footer["model_digest"],
        dimension=2,
        query_prompt="",
        cache=tmp_path,
    ) as encoder:
        row = encoder.encode_query("duck")

    expected = np.array(vector("duck")[:2])
    np.testing.assert_allclose(row, expected / np.linalg.norm(expected), rtol=1e-6)


def test_nothing_is_asked_when_the_cache_knows_the_texts(openai_server, ask):
    ask(openai_server, "openai", ["duck"], cache=True)
    asked = openai_server.texts

    outcome, _rows, _footer = ask(openai_server, "openai", ["duck"], cache=True)

    assert openai_server.texts == [*asked, "dimension"]
    assert outcome.metrics["cached"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoint": None}, "needs the address of a server"),
        ({"endpoint": "localhost:80"}, "needs the address of a server"),
        ({"endpoint": "http://me:secret@localhost"}, "must not hold a password"),
        ({"endpoint": "http://localhost/v1"}, "must be told which model is meant"),
        ({"endpoint": "https://api.example.org/v1", "offline": True}, "is on another machine"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_before_anything_is_asked(make_context, options, message):
    with pytest.raises(StageError, match=message) as caught:
        make_context(provider="openai", **options)

    assert caught.value.category == "config"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), ("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None), ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0)],
)
def test_when_to_come_back_is_a_number_or_a_date(value, expected):
    assert retry_after(value, 10.0) == expected
