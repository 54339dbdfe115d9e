"""HTML in a Markdown template, which would reach the buyer as letters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_TAG = re.compile(r"<[A-Za-z/!?]")
_SPOKEN = re.compile(r"<(?P<tag>!--|[/!?]?[A-Za-z]*)[^>\n]*>?")
_INSTEAD = {
    "a": 'write `[text](address)`, or `{{ button("text", address) }}`',
    "b": "write `**text**`",
    "br": "end the line with a backslash",
    "em": "write `*text*`",
    "hr": "write `---` on a line of its own",
    "i": "write `*text*`",
    "img": 'write `{{ image(address, "text") }}`',
    "li": "begin each line with `- `",
    "p": "leave a line empty between paragraphs",
    "strong": "write `**text**`",
    "table": "write a table of Markdown: `| … | … |`",
    "ul": "begin each line with `- `",
    "!--": "write `{# … #}`",
}


def raw_html(tokens: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """(line, pattern of the place in it, help) of each piece of HTML outside code; `tokens` are Jinja's of the text."""
    text = _without_jinja(tokens)
    if not _TAG.search(text):
        return
    from markdown_it import MarkdownIt

    lines = text.split("\n")
    for block in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        first, end = block.map or (0, 0)
        pieces = [block] if block.type == "html_block" else [*(block.children or ())]
        for piece in pieces:
            if piece.type not in ("html_block", "html_inline"):
                continue
            found = _SPOKEN.search(piece.content)
            if found is None or found["tag"].startswith("/"):
                continue
            line = next((at for at in range(first, end) if found.group() in lines[at]), first)
            tag = found["tag"].lower()
            help_ = _INSTEAD.get(tag, "write Markdown, or put it into `layout.html`; a `<` itself is written `\\<`")
            yield line + 1, re.escape(f"<{found['tag']}") + r"[^>\n]*>?", help_


def _without_jinja(tokens: Iterable[tuple[int, str, str]]) -> str:
    """The text between the tags, each piece on its line, with a word in the place of whatever is printed."""
    text = ""
    for line, kind, value in tokens:
        text += "\n" * (line - 1 - text.count("\n"))
        if kind == "data":
            text += value
        elif kind == "variable_begin":
            text += "x"
    return text
