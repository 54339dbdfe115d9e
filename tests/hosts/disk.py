"""A disk of the suite's own, small enough to be filled."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Disk:
    """A file system in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave no room on it."""
        with (self.folder / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))

    def clear(self) -> None:
        """Give the room back."""
        (self.folder / "ballast").unlink()


@contextmanager
def small_disk(mebibytes: int) -> Iterator[Disk]:
    """A disk of this size, until the end of the `with` block; needs root."""
    with tempfile.TemporaryDirectory(prefix="sendplan-disk-") as name:
        subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "none", name), check=True)
        try:
            yield Disk(Path(name))
        finally:
            subprocess.run(("umount", "--lazy", name), check=True)
