"""sendplan: rules as data, a pure decision, a plan that people read, and mail that leaves exactly once.

The public API, covered by semantic versioning (docs/python.md).
"""

from sendplan.api import Explanation, FoundOrder, OpenProject, check, diff_plans, open_project, read_plan
from sendplan.api.opened import ProblemsError
from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.problems import Problem, Span

__version__ = "0.1.0"
__all__ = [
    "Entry",
    "Explanation",
    "FoundOrder",
    "OpenProject",
    "Plan",
    "Problem",
    "ProblemsError",
    "Reason",
    "Span",
    "Status",
    "check",
    "diff_plans",
    "open_project",
    "read_plan",
]
