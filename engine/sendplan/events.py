"""One structured log line per event, as text or JSON; no addresses and no bodies ever enter it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

_LOGGER = logging.getLogger("sendplan")
_LOGGER.addHandler(logging.NullHandler())
_JSON: ContextVar[bool] = ContextVar("json", default=False)


def emit(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event as `event name=value …`; a formatter finds the values in the record's `fields`.

    `level` is what an alarm goes by: a warning may mend itself, an error needs a person.
    """
    if _LOGGER.isEnabledFor(level):
        shown = {name: value for name, value in fields.items() if value not in (None, "")}
        line = " ".join([event, *(f"{name}={_quoted(str(value))}" for name, value in shown.items())])
        _LOGGER.log(level, line, extra={"event": event, "fields": shown})


def json_only() -> bool:
    """Whether the log is JSON: then everything else that is said on its stream has to be an event, too."""
    return _JSON.get()


@contextmanager
def logging_to(stream: TextIO, format_: str | None) -> Iterator[None]:
    """Write every event to `stream` as `text` or `json` lines; None writes nothing."""
    if format_ is None:
        yield
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonLines() if format_ == "json" else _TextLines())
    level, propagate, token = _LOGGER.level, _LOGGER.propagate, _JSON.set(format_ == "json")
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    try:
        yield
    finally:
        _JSON.reset(token)
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)
        _LOGGER.propagate = propagate


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname.lower()} {record.getMessage()}"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            name: str(value) if isinstance(value, str) else value for name, value in vars(record)["fields"].items()
        }
        line = {"time": _time(record), "level": record.levelname.lower(), "event": vars(record)["event"], **fields}
        return json.dumps(line, ensure_ascii=False, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _quoted(text: str) -> str:
    """Bare where that is one plain word, else as JSON, so that nothing breaks the line."""
    return text if re.fullmatch(r"[!#-<>-~]+", text) else json.dumps(text)
