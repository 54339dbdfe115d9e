"""The protocol: an editor opens, saves, types and points; it hears of problems, names and meanings.

Files are read as they are saved, by the functions of `sendplan check` and `sendplan plan`; nothing is decided here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from sendplan import ProblemsError, __version__, open_project
from sendplan.checking import check
from sendplan.dataclass import dataclass
from sendplan.language_server.names import Name, NameKind, names_of
from sendplan.language_server.places import kinds_at, typed, word_at
from sendplan.plan import Status
from sendplan.problems import Problem, Span, UserError
from sendplan.project import project as projects
from sendplan.project.project import Project
from sendplan.project.project_folder import FILE, find_folder

_FRESH_SECONDS = 60.0
"""Counts of today are made again after so long, since time alone changes them."""
_KINDS = {
    NameKind.FIELD: types.CompletionItemKind.Field,
    NameKind.PARAM: types.CompletionItemKind.Constant,
    NameKind.FUNCTION: types.CompletionItemKind.Function,
    NameKind.WORD: types.CompletionItemKind.Keyword,
    NameKind.UNIT: types.CompletionItemKind.Unit,
    NameKind.TEMPLATE: types.CompletionItemKind.File,
}
_STATUS_SAID = {Status.SEND: "would leave now", Status.LATER: "later", Status.HELD: "held", Status.ERROR: "in error"}


@dataclass(slots=True)
class EditedProject:
    """What the server knows of one project."""

    folder: Path
    project: Project | None = None
    """The last state that could be loaded."""
    names: tuple[Name, ...] = ()
    told: set[str] = field(default_factory=set)
    """The files whose problems the editor shows."""
    counts: dict[str, str] = field(default_factory=dict)
    counted: tuple[str, float] = ("", 0.0)
    """The digest that the counts belong to, and when they were made."""

    def load(self) -> None:
        """Read the project again; while it cannot be loaded, the last good state stays."""
        project, _ = projects.load(self.folder)
        if project is not None:
            self.project, self.names = project, names_of(project)

    def count_of(self, rule: str) -> str:
        """What the rule would do now, in a sentence; empty when no plan can be made."""
        if self.project is None:
            return ""
        digest, at = self.counted
        if digest != self.project.digest or time.monotonic() - at > _FRESH_SECONDS:
            try:
                by_rule = open_project(self.folder).plan().summary()["by_rule"]
            except (ProblemsError, UserError):
                by_rule = {}
            self.counts = {name: _sentence(counts) for name, counts in by_rule.items()}
            self.counted = (self.project.digest, time.monotonic())
        return self.counts.get(rule, "Nothing would leave now, later, or is held.")


def _sentence(counts: dict[str, int]) -> str:
    found = (f"{counts[status.value]:,} {said}" for status, said in _STATUS_SAID.items() if counts.get(status.value))
    return f"Today: {', '.join(found)}."


def make_server() -> LanguageServer:
    """The server, not yet at work."""
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # its log would be shown as errors by some editors
    server = LanguageServer("sendplan", __version__)
    states: dict[Path, EditedProject] = {}

    def state_of(uri: str) -> EditedProject | None:
        """The project that a file belongs to."""
        try:
            folder = find_folder(path_of(uri).parent)
        except UserError:
            return None
        state = states.setdefault(folder, EditedProject(folder))
        if state.project is None:
            state.load()
        return state

    def tell(uri: str) -> None:
        """Publish what `check` says of the project; files that are good again lose their marks."""
        state = state_of(uri)
        if state is None:
            return
        state.load()
        by_file: dict[str, list[types.Diagnostic]] = {name: [] for name in state.told}
        for problem in check(state.folder):
            name = problem.span.file if problem.span else FILE
            by_file.setdefault(name, []).append(_diagnostic(problem))
        for name, diagnostics in by_file.items():
            server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams((state.folder / name).as_uri(), diagnostics)
            )
        state.told = {name for name, diagnostics in by_file.items() if diagnostics}

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        tell(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        tell(params.text_document.uri)

    options = types.CompletionOptions(trigger_characters=[".", '"', " ", "[", "/"])

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, options)
    def complete(params: types.CompletionParams) -> list[types.CompletionItem]:
        state = state_of(params.text_document.uri)
        if state is None:
            return []
        document = server.workspace.get_text_document(params.text_document.uri)
        at = document.position_codec.position_from_client_units(document.lines, params.position)
        return list(_fitting(state, document.lines, at.line, at.character, is_template=document.uri.endswith(".md")))

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        state = state_of(params.text_document.uri)
        document = server.workspace.get_text_document(params.text_document.uri)
        at = document.position_codec.position_from_client_units(document.lines, params.position)
        if state is None or at.line >= len(document.lines):
            return None
        said = _explained(state, word_at(document.lines[at.line], at.character))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, said)) if said else None

    return server


def _fitting(
    state: EditedProject, lines: Sequence[str], line: int, column: int, *, is_template: bool
) -> Iterator[types.CompletionItem]:
    kinds = kinds_at(lines, line, column, template=is_template)
    before = lines[line][:column] if line < len(lines) else ""
    after_params = before.removesuffix(typed(before)).endswith("params.")
    for name in state.names:
        if name.kind not in kinds:
            continue
        text = name.text
        if name.kind is NameKind.PARAM and not after_params:
            # In a condition a param is a name, elsewhere it is put in as a value.
            text = f"params.{text}" if NameKind.FIELD in kinds else f"${{params.{text}}}"
        kind = _KINDS.get(name.kind, types.CompletionItemKind.Value)
        yield types.CompletionItem(text, kind=kind, detail=name.kind.value, documentation=name.meaning or None)


def _explained(state: EditedProject, word: str) -> str:
    """What a word means, in Markdown; a rule's id with what it would do today."""
    last = word.rpartition(".")[2]
    said = []
    for name in state.names:
        if name.text != (last if name.kind in (NameKind.PARAM, NameKind.FIELD) else word) or name.kind is NameKind.WORD:
            continue
        counts = state.count_of(name.text) if name.kind is NameKind.RULE else ""
        said.append(" ".join(filter(None, (f"**{name.text}** ({name.kind.value})", name.meaning, counts))))
    return "\n\n".join(said)


def _diagnostic(problem: Problem) -> types.Diagnostic:
    span = problem.span
    message = "\n".join(filter(None, (problem.message, problem.help)))
    severity = types.DiagnosticSeverity.Error if problem.is_error else types.DiagnosticSeverity.Warning
    return types.Diagnostic(_range(span), message, severity=severity, code=problem.code, source="sendplan")


def _range(span: Span | None) -> types.Range:
    if span is None:
        return types.Range(types.Position(0, 0), types.Position(0, 1))
    begin, end = (_units(span.text, column - 1) for column in (span.column, span.end_column))
    return types.Range(types.Position(span.line - 1, begin), types.Position(span.line - 1, max(end, begin + 1)))


def _units(text: str, column: int) -> int:
    """A column in UTF-16 code units, as the protocol counts unless another way is agreed upon."""
    inside = text[:column]
    return column - len(inside) + len(inside.encode("utf-16-le", "surrogatepass")) // 2


def path_of(uri: str) -> Path:
    """The file that an editor means; one that is not on disk yet lies nowhere."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else Path("/")
