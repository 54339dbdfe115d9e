"""`sendplan resume`: see `pause_command`, which holds both halves."""

from sendplan.commands.pause_command import resume as command

__all__ = ["command"]
