"""A service that annotates, small and real: it answers on a port of this machine."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Event, Thread
from typing import Any, Self

TOKEN = "a token that nobody may see"  # noqa: S105 - of a service that lives as long as a test


class Service(ThreadingHTTPServer):
    """Finds the capitalised words of a text. What the texts say decides what else it does.

    Attributes:
        requests: the texts of each request.
        token: what a request must bring; None takes any.
        answers: statuses that the next requests get instead.
        together: where the first two requests wait for each other; None lets each pass.
        closing: it ends; nobody waits any longer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[list[str]] = []
        self.token: str | None = None
        self.answers: list[int] = []
        self.together: Barrier | None = None
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/annotate"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(asked["texts"])
        if self.server.together and len(self.server.requests) <= self.server.together.parties:
            self.server.together.wait()
        if any("[silence]" in text for text in asked["texts"]):
            self.server.closing.wait()
            return
        status = self.status(asked["texts"])
        found = [[{"name": name, "model": asked["model"]} for name in names(text)] for text in asked["texts"]]
        if any("[miscounted]" in text for text in asked["texts"]):
            found = found[1:]
        self.reply(status, {"annotations": found} if status == 200 else {"error": "no"})

    def status(self, texts: list[str]) -> int:
        """Return how the request ends: as the test has said, as the token says, as the texts say."""
        if self.path != "/annotate":
            return 404
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            return 401
        if self.server.answers:
            return self.server.answers.pop(0)
        return next((status for status in (500, 422) if any(f"[{status}]" in text for text in texts)), 200)

    def reply(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def names(text: str) -> list[str]:
    return [word for word in text.split() if word.istitle()]
