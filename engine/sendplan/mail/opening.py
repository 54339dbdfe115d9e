"""A sender's session with whatever it logs in with: nothing, a password, or a token that is renewed when refused."""

from __future__ import annotations

from sendplan.mail.credentials import password_of
from sendplan.mail.dialing import SmtpError, Timeouts
from sendplan.mail.oauth_tokens import access_token, login_problem
from sendplan.mail.smtp import Session
from sendplan.problems import Problem, UserError
from sendplan.project.settings import Sender
from sendplan.scopes import Scope


def open_session(sender: Sender, timeouts: Timeouts | None = None) -> Session:
    """A session that is ready for mails. Raises SmtpError, and UserError for what this computer cannot read.

    A token that the server refuses is renewed once: it may have ended early, by a clock or by an administrator.
    """
    if sender.oauth2 is None:
        return Session.open(sender, password_of(sender), timeouts)
    token = access_token(sender, timeouts=timeouts)
    try:
        return Session.open(sender, token, timeouts)
    except SmtpError as error:
        if error.scope is not Scope.LOGIN or error.reply is None:
            raise
        another = access_token(sender, refused=token, timeouts=timeouts)
        return Session.open(sender, another, timeouts)


def credentials_problem(sender: Sender) -> Problem | None:
    """Why this computer cannot log in as this sender; None when it can try."""
    try:
        if sender.oauth2 is not None:
            return login_problem(sender)
        password_of(sender)
    except UserError as error:
        return error.problems[0]
    return None
