"""Markdown tokens → the text part of a mail: plain lines of at most 78 characters where words allow."""

from __future__ import annotations

import textwrap

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

WIDTH = 78


def to_text(tokens: list[Token]) -> str:
    """The text part, ending in a newline."""
    return _blocks(SyntaxTreeNode(tokens).children, WIDTH) + "\n"


def _blocks(nodes: list[SyntaxTreeNode], width: int) -> str:
    return "\n\n".join(block for node in nodes if (block := _block(node, width)))


def _block(node: SyntaxTreeNode, width: int) -> str:
    match node.type:
        case "heading":
            return _heading(_wrapped(_line(node), width))
        case "paragraph":
            return _wrapped(_line(node), width)
        case "bullet_list" | "ordered_list":
            return _list(node, width)
        case "blockquote":
            return textwrap.indent(_blocks(node.children, width - 2), "> ", lambda line: True)
        case "table":
            return _table(node, width)
        case "hr":
            return "-" * 30
        case _:  # a block of code
            return textwrap.indent(node.content.rstrip("\n"), "    ")


def _heading(title: str) -> str:
    return f"{title}\n{'-' * max(map(len, title.splitlines()))}"


def _list(node: SyntaxTreeNode, width: int) -> str:
    first = int(node.attrs.get("start", 1))
    items = []
    for number, item in enumerate(node.children, first):
        mark = "- " if node.type == "bullet_list" else f"{number}. "
        body = _blocks(item.children, width - len(mark))
        items.append(mark + textwrap.indent(body, " " * len(mark)).lstrip())
    tight = all(block.hidden for item in node.children for block in item.children if block.type == "paragraph")
    return ("\n" if tight else "\n\n").join(items)


def _table(node: SyntaxTreeNode, width: int) -> str:
    """Aligned columns, or one short block a row where they would be too wide."""
    rows = [
        [" ".join(_line(cell).split("\n")) for cell in row.children] for part in node.children for row in part.children
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


def _aligned(text: str, size: int, cell: SyntaxTreeNode) -> str:
    return text.rjust(size) if "right" in str(cell.attrs.get("style", "")) else text.ljust(size)


def _record(titles: list[str], record: list[str], width: int) -> str:
    return "\n".join(_wrapped(f"{title}: {text}", width) for title, text in zip(titles, record, strict=True) if text)


def _line(node: SyntaxTreeNode) -> str:
    """The text of a block's inline content; only hard breaks are newlines."""
    return "".join(_inline(child) for inline in node.children for child in inline.children)


def _inline(node: SyntaxTreeNode) -> str:
    match node.type:
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "link":
            text, url = "".join(map(_inline, node.children)), str(node.attrs["href"])
            return text if url in (text, f"mailto:{text}") else f"{text} <{url}>"
        case "image":
            return "".join(map(_inline, node.children))
        case "text" | "code_inline":
            return node.content
        case _:  # emphasis and the like
            return "".join(map(_inline, node.children))


def _wrapped(text: str, width: int) -> str:
    return "\n".join(
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False, replace_whitespace=False)
        for line in text.split("\n")
    )
