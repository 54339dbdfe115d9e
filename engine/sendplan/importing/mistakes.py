"""What is wrong with a value of a file, before anybody knows its place."""

from __future__ import annotations

from sendplan.expressions.elements import BadValue, Help


class ConversionError(BadValue):
    """Something that is not a value of its field; `what` is wrong with `raw`, `help` says what to write instead."""

    def __init__(self, what: str, raw: object = None, help: Help = "") -> None:
        super().__init__(what, raw, help)

    @property
    def message(self) -> str:
        """What is wrong, with the value."""
        return self.what if self.raw is None else f"{self.what}: {shown(self.raw, '`')}"


def shown(raw: object, quote: str = '"') -> str:
    """A value as messages show it, cut when it is long."""
    text = " ".join(str(raw).split())
    return f"{quote}{text if len(text) <= 40 else text[:37] + '…'}{quote}"
