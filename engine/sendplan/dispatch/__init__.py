"""Sending exactly what was planned, once: `execute` a plan, or rehearse it without a trace in the ledger."""

from sendplan.dispatch.executor import assist, execute
from sendplan.dispatch.job import Compose, DecideAgain, Services
from sendplan.dispatch.model import Cause, DispatchReport, Ending, Pauses, Result, Verdict
from sendplan.dispatch.rehearsal import rehearse_to_address, rehearse_to_folder
from sendplan.dispatch.run import recover

__all__ = [
    "Cause",
    "Compose",
    "DecideAgain",
    "DispatchReport",
    "Ending",
    "Pauses",
    "Result",
    "Services",
    "Verdict",
    "assist",
    "execute",
    "recover",
    "rehearse_to_address",
    "rehearse_to_folder",
]
