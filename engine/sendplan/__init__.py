"""sendplan: rules as data, a pure decision, a plan that people read, and mail that leaves exactly once.

The public API, covered by semantic versioning (docs/python.md). A name is loaded when it is used first: most commands
use none.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
_ELSEWHERE = {
    "ProblemsError": "sendplan.api.opened",
    **dict.fromkeys(("Entry", "Plan", "Reason", "Status"), "sendplan.plan"),
    **dict.fromkeys(("Problem", "Span"), "sendplan.problems"),
}
"""Where a name comes from that is not in `sendplan.api`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module `sendplan` has no attribute `{name}`", name=name, obj=None)
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_ELSEWHERE.get(name, "sendplan.api")), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
