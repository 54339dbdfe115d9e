"""A small real SMTP server on loopback that delivers nothing: for `demo`, rehearsals and tests with scripted faults.

It writes down each mail before it answers, so that its log is the truth about what was accepted.
"""

from sendplan.sink.dialogue import Mail
from sendplan.sink.script import Action, Drop, Flood, Moment, Say, Script, Stall, Step, at
from sendplan.sink.server import Sink

__all__ = ["Action", "Drop", "Flood", "Mail", "Moment", "Say", "Script", "Sink", "Stall", "Step", "at"]
