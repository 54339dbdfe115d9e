"""A small real SMTP server on loopback that delivers nothing: for `demo`, rehearsals and tests with scripted faults.

It writes down each mail before it answers, so that its log is the truth about what was accepted.
"""

from sendplan.sink.dialogue import Mail
from sendplan.sink.script import Action, Cue, Drop, Flood, Say, Script, SmtpStep, Stall, at
from sendplan.sink.server import Sink

__all__ = ["Action", "Cue", "Drop", "Flood", "Mail", "Say", "Script", "Sink", "SmtpStep", "Stall", "at"]
