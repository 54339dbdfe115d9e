"""A parsed template → the text part of a mail: plain lines of at most 78 characters where words allow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from markdown_it.tree import SyntaxTreeNode

from sendplan.templates import markdown
from sendplan.templates.sandbox import Printed

WIDTH = 78


def to_text(tree: SyntaxTreeNode, printed: Sequence[Printed]) -> str:
    """The text part with the printed values in their places, ending in a newline."""
    return _Writer(printed).blocks(tree.children, WIDTH) + "\n"


class _Writer:
    def __init__(self, printed: Sequence[Printed]) -> None:
        self._printed = printed

    def blocks(self, nodes: list[SyntaxTreeNode], width: int) -> str:
        return "\n\n".join(block for node in nodes if (block := self._block(node, width)))

    def _block(self, node: SyntaxTreeNode, width: int) -> str:
        match node.type:
            case "heading":
                return _heading(_wrapped(self._line(node), width))
            case "paragraph":
                return _wrapped(self._line(node), width)
            case "bullet_list" | "ordered_list":
                return self._list(node, width)
            case "blockquote":
                return textwrap.indent(self.blocks(node.children, width - 2), "> ", lambda line: True)
            case "table":
                return self._table(node, width)
            case "hr":
                return "-" * 30
            case _:  # a block of code
                return textwrap.indent(markdown.text(node.content, self._printed).rstrip("\n"), "    ")

    def _list(self, node: SyntaxTreeNode, width: int) -> str:
        first = int(node.attrs.get("start", 1))
        items = []
        for number, item in enumerate(node.children, first):
            mark = "- " if node.type == "bullet_list" else f"{number}. "
            body = self.blocks(item.children, width - len(mark))
            items.append(mark + textwrap.indent(body, " " * len(mark)).lstrip())
        tight = all(block.hidden for item in node.children for block in item.children if block.type == "paragraph")
        return ("\n" if tight else "\n\n").join(items)

    def _table(self, node: SyntaxTreeNode, width: int) -> str:
        """Aligned columns, or one short block a row where they would be too wide."""
        rows = [
            [" ".join(self._line(cell).split("\n")) for cell in row.children]
            for part in node.children
            for row in part.children
        ]
        cells = node.children[0].children[0].children
        widths = [max(len(row[column]) for row in rows) for column in range(len(cells))]
        if sum(widths) + 2 * (len(widths) - 1) > width:
            titles, *records = rows
            return "\n\n".join(_record(titles, record, width) for record in records)
        lines = [
            "  ".join(_aligned(text, size, cell) for text, size, cell in zip(row, widths, cells, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([lines[0], "  ".join("-" * size for size in widths), *lines[1:]])

    def _line(self, node: SyntaxTreeNode) -> str:
        """The text of a block's inline content; only hard breaks are newlines."""
        return "".join(self._inline(child) for inline in node.children for child in inline.children)

    def _inline(self, node: SyntaxTreeNode) -> str:
        match node.type:
            case "softbreak":
                return " "
            case "hardbreak":
                return "\n"
            case "link":
                text = "".join(map(self._inline, node.children))
                url = markdown.link(str(node.attrs["href"]), self._printed)
                if markdown.is_button(node):
                    return f"{text}:\n{url}" if len(node.siblings) == 1 else f"{text} <{url}>"
                return text if url in (text, f"mailto:{text}") else f"{text} <{url}>"
            case "text" | "code_inline":
                return markdown.text(node.content, self._printed)
            case _:  # emphasis, an image and the like
                return "".join(map(self._inline, node.children))


def _heading(title: str) -> str:
    return f"{title}\n{'-' * max(map(len, title.splitlines()))}"


def _aligned(text: str, size: int, cell: SyntaxTreeNode) -> str:
    return text.rjust(size) if "right" in str(cell.attrs.get("style", "")) else text.ljust(size)


def _record(titles: list[str], record: list[str], width: int) -> str:
    return "\n".join(_wrapped(f"{title}: {text}", width) for title, text in zip(titles, record, strict=True) if text)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(piece for line in text.split("\n") for piece in _folded(line.expandtabs().strip(" "), width))


def _folded(line: str, width: int) -> Iterator[str]:
    """A line in pieces, broken at blanks only; `textwrap` gives the same and takes ten times as long."""
    while len(line) > width:
        end = line.rfind(" ", 0, width + 1)
        if end < 0:
            end = line.find(" ")  # Behind a word that is too long for any line.
        if end < 0:
            break
        yield line[:end].rstrip(" ")
        line = line[end:].lstrip(" ")
    yield line
