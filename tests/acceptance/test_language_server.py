"""`sendplan lsp`, talked to as an editor does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pygls")

from sendplan.commands.init_command import copy_example


class Editor:
    """An editor with the protocol's framing, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = subprocess.Popen(
            [sys.executable, "-m", "sendplan", "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
        )
        self.marks: dict[str, list[dict[str, Any]]] = {}
        self._number = 0
        assert self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
        self.tell("initialized", {})

    def tell(self, method: str, params: object) -> None:
        """A notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: object) -> Any:
        """A request and its answer; what the server tells meanwhile is kept."""
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def open(self, name: str) -> str:
        """Open a file; the server has told its problems once this is done."""
        path = self.folder / name
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": path.read_text("utf-8")}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return path.as_uri()

    def replace(self, name: str, text: str, *, save: bool = False) -> None:
        """Type, and perhaps save."""
        path = self.folder / name
        document = {"uri": path.as_uri(), "version": 2}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        if save:
            path.write_text(text, encoding="utf-8")
            self.tell("textDocument/didSave", {"textDocument": {"uri": path.as_uri()}})

    def proposals(self, name: str, text: str, marker: str) -> set[str]:
        """What is proposed behind a text that has just been typed."""
        self.replace(name, text)
        at = self._place(text, marker, len(marker))
        found = self.ask("textDocument/completion", {"textDocument": self._named(name), "position": at})
        return {each["label"] for each in found}

    def meaning(self, name: str, text: str, word: str) -> str:
        """What pointing at a word shows."""
        at = self._place(text, word, 1)
        found = self.ask("textDocument/hover", {"textDocument": self._named(name), "position": at})
        return str(found["contents"]["value"]) if found else ""

    def close(self) -> int:
        """End the server as the protocol has it; its exit code."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        return self.server.wait(30)

    def _named(self, name: str) -> dict[str, str]:
        return {"uri": (self.folder / name).as_uri()}

    @staticmethod
    def _place(text: str, marker: str, behind: int) -> dict[str, int]:
        before = text[: text.index(marker) + behind]
        return {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}

    def _send(self, message: dict[str, Any]) -> None:
        assert self.server.stdin is not None
        body = json.dumps(message).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.server.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self.server.stdout is not None
        length = 0
        while line := self.server.stdout.readline().strip():
            length = int(line.partition(b":")[2]) if line.lower().startswith(b"content-length") else length
        assert length, "the server has gone"
        message: dict[str, Any] = json.loads(self.server.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            name = message["params"]["uri"].rpartition("/")[2]
            self.marks[name] = message["params"]["diagnostics"]
        return message


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    """An editor in a new project."""
    copy_example(tmp_path)
    found = Editor(tmp_path)
    yield found
    if found.server.poll() is None:
        found.server.kill()
        found.server.wait(30)
    for stream in (found.server.stdin, found.server.stdout):
        if stream is not None:
            stream.close()


def test_an_editor_hears_of_problems_names_and_meanings(editor: Editor) -> None:
    """Problems come as `check` tells them, where they are, and go when they are mended; names of the project are
    proposed where they fit; pointing at a word tells what it means and what a rule would do today."""
    name = "rules/marketing.yaml"
    good = (editor.folder / name).read_text(encoding="utf-8")
    editor.open(name)
    assert editor.meaning(name, good, "not cancelled") == ""
    assert editor.marks.get("marketing.yaml", []) == []

    editor.replace(name, good.replace("not cancelled", "not canceled", 1), save=True)
    editor.meaning(name, good, "title")
    (mark,) = [each for each in editor.marks["marketing.yaml"] if "canceled" in each["message"]]
    line = good.splitlines()[mark["range"]["start"]["line"]]
    start, end = mark["range"]["start"]["character"], mark["range"]["end"]["character"]
    assert line.replace("not cancelled", "not canceled")[start:end] == "canceled"
    assert "did you mean `cancelled`" in mark["message"]
    assert mark["source"] == "sendplan"
    editor.replace(name, good, save=True)
    editor.meaning(name, good, "title")
    assert editor.marks["marketing.yaml"] == []

    assert {"shipped", "open_amount", "max", "params.feedback_wait"} <= editor.proposals(
        name, good + "    trigger: not ", "trigger: not "
    )
    assert "feedback_wait" in editor.proposals(name, good + "    due: ordered + params.", "ordered + params.")
    assert "business days" in editor.proposals(name, good + "    due: ordered + 12 ", "ordered + 12 ")
    assert {"dunning", "dunning/first-dunning"} <= editor.proposals(name, good + '    due: sent("', 'due: sent("')
    assert "office-hours" in editor.proposals(name, good + "\n#\n    window: o", "#\n    window: o")
    assert {"domestic", "island"} <= editor.proposals(name, good + "\n#\n    regions: [", "#\n    regions: [")
    assert editor.proposals(name, good + "    title: x", "title: x") == set()

    editor.replace(name, good)
    assert "not placed" not in editor.meaning(name, good, "shipped")
    assert "(moment)" in editor.meaning(name, good, "shipped")
    said = editor.meaning(name, good, "feedback-reminder")
    assert "Bewertungserinnerung" in said
    assert "Nothing would leave now" in said, "there are no orders yet"
    assert editor.close() == 0


def test_a_file_without_a_project_is_left_alone(editor: Editor, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A YAML file that belongs to no project gets no marks, no proposals and no error."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other.yaml"
    elsewhere.write_text("a: b\n", encoding="utf-8")
    editor.folder = elsewhere.parent
    editor.open("other.yaml")
    assert editor.proposals("other.yaml", "template: ", "template: ") == set()
    assert editor.meaning("other.yaml", "template: ", "template") == ""
    assert editor.marks == {}
