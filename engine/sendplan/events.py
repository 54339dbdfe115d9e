"""One structured log line per event; no addresses and no bodies ever enter it."""

from __future__ import annotations

import json
import logging
import re

_LOGGER = logging.getLogger("sendplan")


def emit(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event as `event name=value …`; a formatter finds the values in the record's `fields`."""
    if _LOGGER.isEnabledFor(level):
        shown = {name: value for name, value in fields.items() if value not in (None, "")}
        line = " ".join([event, *(f"{name}={_quoted(str(value))}" for name, value in shown.items())])
        _LOGGER.log(level, line, extra={"event": event, "fields": shown})


def _quoted(text: str) -> str:
    """Bare where that is one plain word, else as JSON, so that nothing breaks the line."""
    return text if re.fullmatch(r"[!#-<>-~]+", text) else json.dumps(text)
