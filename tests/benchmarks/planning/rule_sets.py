"""Projects with many rules: variations of the benchmark's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from stores import SHOP


def variations(number: int) -> Iterator[dict[str, Any]]:
    """The eight rules once more, with other ids, thresholds and times, for what came due since the last run."""
    rules = yaml.safe_load((SHOP / "rules" / "rules.yaml").read_text(encoding="utf-8"))["rules"]
    for rule in rules:
        rule["id"] += f"-{number}"
        rule["trigger"] += f" and total >= {number % 9}.50 and (items < {20 + number} or tags has 'gift')"
        rule["expires"] = "3 days"
        yield rule


def many(folder: Path, times: int) -> Path:
    """A copy of the shop, but with the rules so many times, eight in a file."""
    fresh_copy(folder)
    for number in range(times):
        write(folder / "rules" / f"rules-{number}.yaml", list(variations(number)))
    return folder


def many_files(folder: Path, files: int) -> Path:
    """A copy of the shop with so many files of one rule each."""
    fresh_copy(folder)
    for number in range(files // 8):
        for rule in variations(number):
            write(folder / "rules" / f"{rule['id']}.yaml", [rule])
    return folder


def fresh_copy(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SHOP, folder)
    (folder / "rules" / "rules.yaml").unlink()
    settings = folder / "sendplan.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("shipped-notice", "shipped-notice-0"), "utf-8")


def write(path: Path, rules: list[dict[str, Any]]) -> None:
    """One rules file."""
    path.write_text(yaml.safe_dump({"rules": rules}, sort_keys=False, allow_unicode=True), encoding="utf-8")
