"""Small model servers on this machine, with the answers that real ones give."""

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs
import numpy as np

DIMENSION = 4


def vector(text: str) -> list[float]:
    """A vector of length 1 that depends on the text alone."""
    row = np.array([len(text) + 1.0, text.count("e"), text.count("k"), 1.0], dtype=np.float32)
    return (row / np.linalg.norm(row)).tolist()


def as_base64(row: list[float]) -> str:
    return base64.b64encode(np.array(row, dtype="<f4").tobytes()).decode()


@attrs.define
class Answer:
    """What a server says: a status, headers, and JSON (or text)."""

    body: object
    status: int = 200
    headers: dict = attrs.field(factory=dict)


@attrs.define
class ModelServer:
    """A running server: what it was asked, and answers to give before it works."""

    answer: Callable
    url: str = ""
    key: str = ""
    asked: list = attrs.field(factory=list)
    troubles: list = attrs.field(factory=list)
    busiest: int = 0
    _busy: int = 0
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def reply(self, path, body, authorization) -> Answer:
        with self._lock:
            self.asked.append((path, body))
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            trouble = self.troubles.pop(0) if self.troubles and path != "/info" else None
        try:
            if self.key and authorization != f"Bearer {self.key}":
                return Answer({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, 401)
            return trouble or self.answer(path, body)
        finally:
            with self._lock:
                self._busy -= 1

    @property
    def texts(self) -> list[str]:
        """All texts that were to be encoded."""
        return [text for path, body in self.asked if path in {"/embed", "/v1/embeddings"} for text in _inputs(body)]


def _inputs(body):
    return body.get("inputs") or body.get("input")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body):
        answer = self.server.model.reply(self.path, body, self.headers.get("Authorization"))
        data = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(data.encode())), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, *_arguments):
        pass


class Listening:
    """A server in a thread, while the context lasts."""

    def __init__(self, model: ModelServer, path: str = "") -> None:
        self._model = model
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.model = model
        model.url = f"http://127.0.0.1:{self._server.server_port}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self._model

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


INFO = {
    "model_id": "BAAI/bge-small-en-v1.5",
    "model_sha": "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
    "model_dtype": "float32",
    "model_type": {"embedding": {"pooling": "cls"}},
    "max_concurrent_requests": 512,
    "max_input_length": 16,
    "max_batch_tokens": 16384,
    "max_batch_requests": None,
    "max_client_batch_size": 2,
    "auto_truncate": False,
    "tokenization_workers": 2,
    "version": "1.8.1",
}


def tei(path, body) -> Answer:
    """What Text Embeddings Inference says; its tokens are words, between two special ones."""
    if path == "/info":
        return Answer(INFO)
    if len(body["inputs"]) > INFO["max_client_batch_size"]:
        return Answer({"error": "batch size 3 > maximum allowed batch size 2", "error_type": "Validation"}, 422)
    if path == "/tokenize":
        return Answer([[{"id": 1, "text": word} for word in ["[CLS]", *t.split(), "[SEP]"]] for t in body["inputs"]])
    return Answer([vector(text) for text in body["inputs"]])


def openai(path, body) -> Answer:
    """What OpenAI's API says, in an order of its own."""
    rows = [vector(text) for text in body["input"]]
    data = [{"object": "embedding", "index": n, "embedding": as_base64(row)} for n, row in enumerate(rows)]
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    return Answer({"object": "list", "data": data[::-1], "model": body["model"], "usage": usage})
