"""Templates: one Markdown source with Jinja2 gives a mail's subject, text part and HTML part (docs/templates.md)."""

from sendplan.templates.render import Rendered, TemplateError, Templates
from sendplan.templates.values import Context, unsubscribe_links

__all__ = ["Context", "Rendered", "TemplateError", "Templates", "unsubscribe_links"]
