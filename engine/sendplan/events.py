"""One structured log line per event; no addresses and no bodies ever enter it."""

from __future__ import annotations

import logging

_LOGGER = logging.getLogger("sendplan")


def emit(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event as `event name=value …`; a formatter finds the values in the record's `fields`."""
    if _LOGGER.isEnabledFor(level):
        shown = {name: value for name, value in fields.items() if value not in (None, "")}
        line = " ".join([event, *(f"{name}={_quoted(str(value))}" for name, value in shown.items())])
        _LOGGER.log(level, line, extra={"event": event, "fields": shown})


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text
