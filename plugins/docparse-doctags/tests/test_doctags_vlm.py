"""The engine vlm: docling's pipeline against a small server that speaks like OpenAI's."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from docparse_doctags import _choice
from docparse_doctags._options import Options
from docparse_runner import Category, StageError

ANSWER = (
    "<doctag><section_header_level_1><loc_60><loc_40><loc_220><loc_50>Read by a model</section_header_level_1>"
    "<text><loc_60><loc_60><loc_300><loc_70>High water at noon.</text></doctag>"
)


class Endpoint(ThreadingHTTPServer):
    """Answers every request with the same text, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.status, self.asked, self.keys = ANSWER, 200, [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1/chat/completions"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.keys.append(self.headers["Authorization"])
        message = {"role": "assistant", "content": self.server.answer}
        body = {
            "id": "1",
            "model": "tide-reader",
            "created": 1,
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        data = json.dumps(body).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments):
        """Say nothing."""


@pytest.fixture
def endpoint():
    with Endpoint() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def read(convert, open_worker, endpoint, tmp_path):
    """Convert a file with the engine vlm."""

    def run(path, **options):
        options = {"engine": "vlm", "vlm_url": endpoint.url, "vlm_model": "tide-reader", "ocr": "off"} | options
        resolved = _choice.resolved(Options(**options))
        return convert(path, worker=open_worker(tmp_path / "root", resolved=resolved, **options))

    return run


def test_each_page_is_read_by_the_model_as_an_image(read, make, endpoint):
    result = read(make("tides.pdf", pages=2), vlm_key="swordfish")

    assert result.texts == ["Read by a model", "High water at noon."] * 2
    assert [item["prov"][0]["page_no"] for item in result.document["texts"]] == [1, 1, 2, 2]
    assert {asked["model"] for asked in endpoint.asked} == {"tide-reader"}
    assert endpoint.keys == ["Bearer swordfish"] * 2
    text, image = sorted(endpoint.asked[0]["messages"][0]["content"], key=lambda part: part["type"], reverse=True)
    assert text["text"] == "Convert this page to docling."
    encoded = image["image_url"]["url"].partition(",")[2]
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).width > 500


def test_the_model_is_recorded_and_the_key_is_not(read, make):
    result = read(make("tides.pdf"), vlm_key="swordfish")

    assert result.outcome.metrics["engine"] == "vlm"
    assert result.outcome.metrics["model"] == "tide-reader"
    assert b"swordfish" not in result.json


def test_an_image_and_a_pdf_without_text_are_read_too(read, make, tmp_path):
    Image.new("RGB", (200, 200), "white").save(tmp_path / "white.png")

    for path in (tmp_path / "white.png", make("scan.pdf", text=False)):
        assert read(path).texts == ["Read by a model", "High water at noon."]


def test_markdown_answers_are_understood_when_the_model_gives_them(read, make, endpoint):
    endpoint.answer = "# Read by a model\n\nHigh water at noon.\n"

    assert read(make("tides.pdf"), vlm_answers="markdown").texts == ["Read by a model", "High water at noon."]


def test_a_model_that_refuses_to_answer_is_a_failure_of_the_provider(read, make, endpoint):
    endpoint.status = 400

    with pytest.raises(StageError) as failure:
        read(make("tides.pdf"))

    assert failure.value.category is Category.PROVIDER
    assert endpoint.url in failure.value.message


def test_an_endpoint_that_is_not_there_is_a_failure_of_the_provider(read, make):
    with pytest.raises(StageError) as failure:
        read(make("tides.pdf"), vlm_url="http://127.0.0.1:9/v1/chat/completions")

    assert failure.value.category is Category.PROVIDER


def test_model_and_prompt_are_what_the_results_depend_on_and_the_address_is_not():
    assert _choice.resolved(Options(engine="vlm", vlm_url="http://a", vlm_model="m")) == {
        "engine": "vlm",
        "model": "m",
        "prompt": "Convert this page to docling.",
    }
