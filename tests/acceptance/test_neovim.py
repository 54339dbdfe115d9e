"""`sendplan lsp` in Neovim, set up as docs/editors.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sendplan.commands.init_command import copy_example

pytest.importorskip("pygls")
pytestmark = pytest.mark.skipif(shutil.which("nvim") is None, reason="Neovim is not installed")

PAGE = (Path(__file__).parents[2] / "docs" / "editors.md").read_text(encoding="utf-8")
_LOOK = """
vim.cmd("edit rules/marketing.yaml")
vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 50)
for _, each in ipairs(vim.diagnostic.get(0)) do
  local line = vim.api.nvim_buf_get_lines(0, each.lnum, each.lnum + 1, false)[1]
  io.write("mark: ", string.sub(line, each.col + 1, each.end_col), " ", each.message, "\\n")
end
local found = vim.lsp.buf_request_sync(0, "textDocument/hover", {
  textDocument = vim.lsp.util.make_text_document_params(), position = { line = vim.fn.search("shipped", "n") - 1,
  character = string.find(vim.fn.getline(vim.fn.search("shipped", "n")), "shipped") },
}, 60000)
for _, each in pairs(found or {}) do io.write("meaning: ", each.result.contents.value, "\\n") end
vim.cmd("quitall!")
"""


def test_neovim_marks_mistakes_and_tells_meanings(tmp_path: Path) -> None:
    """With the page's lines in `init.lua`, Neovim marks a mistake at its place and tells what a field means."""
    copy_example(tmp_path)
    rules = tmp_path / "rules" / "marketing.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("not cancelled", "not canceled", 1), encoding="utf-8")
    set_up = re.search(r"In `init.lua`, tried with Neovim.*?```text\n(.*?)```", PAGE, re.S)
    assert set_up is not None
    (tmp_path / "init.lua").write_text(set_up[1], encoding="utf-8")
    (tmp_path / "look.lua").write_text(_LOOK, encoding="utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    home = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    ran = subprocess.run(
        ["nvim", "--headless", "-u", "init.lua", "-S", "look.lua"],
        cwd=tmp_path,
        env=os.environ | home | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    assert "mark: canceled there is no field `canceled`" in ran.stdout, (ran.stdout, ran.stderr)
    assert "meaning: " in ran.stdout
    assert "(moment)" in ran.stdout
