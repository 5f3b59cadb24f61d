"""What docling only logs: several of its readers catch their own errors and return what they have so far."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Collector(logging.Handler):
    """Keeps the last line of each message: the one that says what happened when the message is a traceback."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        last = record.getMessage().strip().rpartition("\n")[2]
        if last not in self.lines:
            self.lines.append(last)


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Yield a list that receives what docling logs as an error inside the block, one line each."""
    collector = _Collector()
    logger = logging.getLogger("docling")
    logger.addHandler(collector)
    try:
        yield collector.lines
    finally:
        logger.removeHandler(collector)
