"""django-mailer or django-post_office end to end: render, queue, send. Prints the seconds for all of it.

Run with the Python of the benchmark's own environment: `contender_django.py mailer|post_office PORT MAILS SESSIONS`.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

SUBJECT = "Order {{ number }}"
TEXT = (
    "Dear {{ name }},\n\nyour order {{ number }} of {{ ordered|date }} over {{ total|floatformat:2 }} EUR is "
    "still open. Please pay it in the next days.\n\nYours, Shop\n"
)
HTML = (
    "<html><body><p>Dear {{ name }},</p><p>your order <strong>{{ number }}</strong> of {{ ordered|date }} over "
    "{{ total|floatformat:2 }} EUR is still open. Please pay it in the next days.</p><p>Yours, Shop</p></body></html>"
)
FROM = "Shop <shop@example.com>"


def main(queue: str, port: int, mails: int, sessions: int) -> float:
    """The seconds for so many mails."""
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        settings.configure(
            INSTALLED_APPS=["mailer" if queue == "mailer" else "post_office"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(folder) / "queue.db"}},
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=port,
            EMAIL_BACKEND=f"{queue}.backend.DbBackend" if queue == "mailer" else "post_office.EmailBackend",
            MAILER_EMAIL_MAX_BATCH=None,
            POST_OFFICE={
                "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
                "BATCH_SIZE": mails,
                "THREADS_PER_PROCESS": sessions,
                "MAX_RETRIES": 0,
            },
            TEMPLATES=[
                {"BACKEND": "django.template.backends.django.DjangoTemplates"},
                {
                    "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
                    "APP_DIRS": True,
                    "OPTIONS": {},
                },
            ][: 1 if queue == "mailer" else 2],
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        call_command("migrate", verbosity=0)
        orders = [
            {"name": f"Buyer {number}", "number": f"E{number}", "total": 12, "ordered": django.utils.timezone.now()}
            for number in range(mails)
        ]
        return (with_mailer if queue == "mailer" else with_post_office)(orders)


def with_mailer(orders: list[dict[str, object]]) -> float:
    """Queue each mail as `send_mail` does, then send the queue."""
    from django.core.mail import EmailMultiAlternatives
    from django.template import Context, Template
    from mailer.engine import send_all
    from mailer.models import MessageLog

    subject, text, html = Template(SUBJECT), Template(TEXT), Template(HTML)
    start = time.perf_counter()
    for number, order in enumerate(orders):
        context = Context(order)
        mail = EmailMultiAlternatives(subject.render(context), text.render(context), FROM, [f"b{number}@example.org"])
        mail.attach_alternative(html.render(context), "text/html")
        mail.send()
    send_all()
    seconds = time.perf_counter() - start
    assert MessageLog.objects.filter(result="1").count() == len(orders)
    return seconds


def with_post_office(orders: list[dict[str, object]]) -> float:
    """Queue each mail with its template, then send the queue with one connection per thread."""
    from django.db import connections
    from post_office import mail
    from post_office.models import STATUS, Email, EmailTemplate

    template = EmailTemplate.objects.create(name="reminder", subject=SUBJECT, content=TEXT, html_content=HTML)
    start = time.perf_counter()
    queued = [
        {"recipients": [f"b{number}@example.org"], "sender": FROM, "template": template, "context": order}
        for number, order in enumerate(orders)
    ]
    mail.send_many(queued)
    for emails in [mail.get_queued()]:
        mail._send_bulk(list(emails), uses_multiprocessing=False)
    seconds = time.perf_counter() - start
    connections.close_all()
    assert Email.objects.filter(status=STATUS.sent).count() == len(orders)
    return seconds


if __name__ == "__main__":
    print(main(sys.argv[1], *map(int, sys.argv[2:5])))
