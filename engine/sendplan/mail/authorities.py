"""The login services of Microsoft (by msal) and Google (by google-auth-oauthlib): obtain a token, and renew it."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.mail.dialing import SmtpError, Trouble
from sendplan.mail.replies import Phase
from sendplan.problems import Problem, UserError
from sendplan.project.providers import PRESETS, LoginService
from sendplan.project.settings import OAuth2, Sender
from sendplan.secret import Secret, read_secret
from sendplan.text import one_line

PATIENCE = 20.0
"""Seconds for each answer of a login service."""
LOGIN_SECONDS = 900
"""How long `login` waits for a person at a browser."""
_USUAL_SECONDS, _LONGEST_SECONDS = 3600.0, 86400.0
_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_NOT_OURS = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
"""Errors of a service that is in trouble itself (RFC 6749 §4.1.2.1)."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a login service gave."""

    access: str
    refresh: str
    seconds: float
    """How long the access token lasts."""
    person: str = ""
    """Who signed in, as the service names them; empty when it did not say."""


def account_of(sender: Sender) -> str:
    """Which account and application a token is for; a token of another one is not used. Raises UserError."""
    oauth2, service = _oauth2(sender)
    parts = (sender.provider, oauth2.authority or service.authority, oauth2.tenant, _client(sender), sender.username)
    return " ".join(str(part or "-") for part in parts)


def renewed(sender: Sender, refresh: str) -> Granted:
    """A new access token. Raises SmtpError when the service refuses or cannot be reached, UserError like a password."""
    oauth2, service = _oauth2(sender)
    if service.tenant is not None:
        with _network():
            answer = _microsoft(sender).acquire_token_by_refresh_token(refresh, [service.scope])
        return _granted(answer)
    return _renewed_by_google(sender, oauth2, service, refresh)


def log_in(sender: Sender, tell: Callable[[str], None]) -> Granted:
    """Obtain a token with a person's help, who is told what to do. Raises SmtpError and UserError like `renewed`."""
    oauth2, service = _oauth2(sender)
    if service.tenant is not None:
        return _by_device_code(sender, service, tell)
    return _by_browser(sender, oauth2, service, tell)


# --- Microsoft: a code that is typed in any browser (RFC 8628)


def _microsoft(sender: Sender) -> Any:
    oauth2, service = _oauth2(sender)
    try:
        import msal
    except ImportError:
        raise UserError(_missing_extra("microsoft", "msal")) from None
    address = (oauth2.authority or service.authority).rstrip("/")
    try:
        return msal.PublicClientApplication(
            _client(sender),
            authority=f"{address}/{oauth2.tenant}",
            instance_discovery=oauth2.authority is None,
            http_client=_web(),
        )
    except ValueError as error:
        # msal says no more than that there is no configuration, and keeps the reason in the error before it.
        if re.search(r"HTTP status: 40[04]\b", str(error.__context__)):
            detail = f"the login service refused: it knows no organisation `{oauth2.tenant}`"
            raise SmtpError(Phase.LOGIN, Trouble.TOKEN_REFUSED, detail) from None
        raise


def _by_device_code(sender: Sender, service: LoginService, tell: Callable[[str], None]) -> Granted:
    with _network():
        application = _microsoft(sender)
        flow = application.initiate_device_flow(scopes=[service.scope])
        if "user_code" not in flow:
            raise _refused(flow)
        tell(f"1. Open {one_line(flow['verification_uri'])} in a browser, on this computer or any other.")
        tell(f"2. Type the code {one_line(flow['user_code'])}")
        tell(f"3. Sign in as {sender.username} and allow the application to send mail.")
        tell(f"Waiting for at most {int(flow.get('expires_in', LOGIN_SECONDS)) // 60} minutes ...")
        answer = application.acquire_token_by_device_flow(flow)
    return _granted(answer)


# --- Google: a browser that comes back to this computer (RFC 8252, with state and PKCE)


def _by_browser(sender: Sender, oauth2: OAuth2, service: LoginService, tell: Callable[[str], None]) -> Granted:
    try:
        from google_auth_oauthlib import flow as flows
    except ImportError:
        raise UserError(_missing_extra("google", "google-auth-oauthlib")) from None
    from oauthlib.oauth2 import OAuth2Error

    authorize, token_address = _google_addresses(oauth2, service)
    config = {
        "installed": {
            "client_id": _client(sender),
            "client_secret": _secret(sender, oauth2),
            "auth_uri": authorize,
            "token_uri": token_address,
        }
    }
    flow = flows.InstalledAppFlow.from_client_config(config, [service.scope])
    flow.oauth2session.request = _bounded(flow.oauth2session.request)
    flow.oauth2session.max_redirects = 0
    tell(f"1. A browser on this computer opens the address below. Sign in there as {sender.username}.")
    tell("2. Allow the application to send mail. Then come back here.")
    port = _free_port()
    tell(f"If the browser is on another computer, type this there first: ssh -L {port}:localhost:{port} THIS-COMPUTER")
    try:
        with _network():
            flow.run_local_server(
                port=port,
                open_browser=_has_desktop(),
                timeout_seconds=LOGIN_SECONDS,
                authorization_prompt_message="{url}",
                success_message="sendplan is logged in. You may close this window.",
                access_type="offline",
                prompt="consent",
                login_hint=sender.username,
            )
    except flows.WSGITimeoutError:
        raise SmtpError(Phase.LOGIN, Trouble.TIMED_OUT, "nobody signed in within 15 minutes") from None
    except OAuth2Error as error:
        raise _refused({"error": error.error, "error_description": error.description}) from None
    return _granted(flow.oauth2session.token)


def _free_port() -> int:
    """Where the browser may come back to, known before so that it can be forwarded."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _renewed_by_google(sender: Sender, oauth2: OAuth2, service: LoginService, refresh: str) -> Granted:
    try:
        from google.auth.exceptions import RefreshError, TransportError
        from google.auth.transport.requests import Request
        from google.oauth2.credentials import Credentials
    except ImportError:
        raise UserError(_missing_extra("google", "google-auth-oauthlib")) from None

    with _network():
        _, token_address = _google_addresses(oauth2, service)
        credentials = Credentials(
            None,
            refresh_token=refresh,
            token_uri=token_address,
            client_id=_client(sender),
            client_secret=_secret(sender, oauth2),
            scopes=[service.scope],
        )
        try:
            credentials.refresh(_bounded(Request(_web())))
        except TransportError as error:
            raise _unreachable(error) from None
        except RefreshError as error:
            said = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], Mapping) else {}
            if error.retryable or not said:
                raise _unreachable(error) from None
            raise _refused(said) from None
        from datetime import UTC, datetime

        ends = credentials.expiry.replace(tzinfo=UTC) if credentials.expiry else None
        answer = {
            "access_token": credentials.token,
            "refresh_token": credentials.refresh_token,
            "expires_in": (ends - datetime.now(UTC)).total_seconds() if ends else None,
        }
    return _granted(answer)


def _google_addresses(oauth2: OAuth2, service: LoginService) -> tuple[str, str]:
    """Where a person allows, and where tokens are given; another authority tells by its discovery document."""
    if oauth2.authority is None:
        return f"{service.authority}/o/oauth2/v2/auth", _GOOGLE_TOKENS
    import requests

    with _network():
        found = requests.get(f"{oauth2.authority.rstrip('/')}/.well-known/openid-configuration", timeout=PATIENCE)
        found.raise_for_status()
        said = found.json()
    return str(said["authorization_endpoint"]), str(said["token_endpoint"])


def _has_desktop() -> bool:
    """Whether a browser can open here; a text browser would take the terminal over."""
    import webbrowser

    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


# --- both


def _oauth2(sender: Sender) -> tuple[OAuth2, LoginService]:
    service = PRESETS[sender.provider].oauth2
    assert sender.oauth2 is not None
    assert service is not None
    return sender.oauth2, service


def _client(sender: Sender) -> str:
    oauth2, _ = _oauth2(sender)
    return oauth2.client if isinstance(oauth2.client, str) else _read(sender, oauth2.client, "client")


def _secret(sender: Sender, oauth2: OAuth2) -> str:
    return _read(sender, oauth2.secret, "secret") if oauth2.secret is not None else ""


def _read(sender: Sender, secret: Secret, what: str) -> str:
    value = read_secret(secret)
    if not value:
        state = "cannot be read or is empty" if secret.file else "is not set"
        message = f"sender `{sender.name}` needs `oauth2: {what}`, and {secret} {state}"
        raise UserError(Problem("missing-password", message, help="set it where sendplan runs"))
    return value


def _granted(answer: Mapping[str, Any]) -> Granted:
    if "access_token" not in answer:
        raise _refused(answer) if answer.get("error") else _senseless()
    access, refresh = answer["access_token"], answer.get("refresh_token") or ""
    bearer = str(answer.get("token_type") or "Bearer").lower() == "bearer"
    if not bearer or not _is_token(access) or (refresh and not _is_token(refresh)):
        raise _senseless()
    claims = answer.get("id_token_claims") or {}
    return Granted(access, refresh, _seconds(answer.get("expires_in")), str(claims.get("preferred_username") or ""))


def _is_token(value: object) -> bool:
    """Visible ASCII alone (RFC 6749, appendix A.12): nothing else can stand in a login."""
    return isinstance(value, str) and re.fullmatch(r"[!-~]+", value) is not None


def _seconds(said: object) -> float:
    """How long a token lasts; an hour where the service does not say so (RFC 6749 §5.1), at most a day."""
    try:
        seconds = float(str(said))
    except ValueError:
        return _USUAL_SECONDS
    return min(seconds, _LONGEST_SECONDS) if seconds > 0 else _USUAL_SECONDS


def _refused(answer: Mapping[str, Any]) -> SmtpError:
    """What a login service said no with (RFC 6749 §5.2); its words hold no token, only codes and ids."""
    code = one_line(str(answer.get("error") or "no token"))
    said = one_line(str(answer.get("error_description") or ""))[:200]
    detail = f"the login service refused: {code}" + (f" ({said})" if said else "")
    if code in _NOT_OURS:
        return SmtpError(Phase.LOGIN, Trouble.UNREACHABLE, detail)
    return SmtpError(Phase.LOGIN, Trouble.TOKEN_REFUSED, detail)


def _unreachable(error: Exception) -> SmtpError:
    detail = f"the login service cannot be reached ({type(error).__name__})"
    return SmtpError(Phase.LOGIN, Trouble.UNREACHABLE, detail)


def _senseless() -> SmtpError:
    detail = "the login service gave an answer that cannot be understood"
    return SmtpError(Phase.LOGIN, Trouble.UNREACHABLE, detail)


@contextmanager
def _network() -> Iterator[None]:
    """What a library raises when a service cannot be reached, is out of order or says something that is no answer."""
    import requests

    msal = sys.modules.get("msal")
    troubles = (msal.exceptions.MsalError,) if msal is not None else ()
    try:
        with _quiet():
            yield
    except (requests.RequestException, *troubles) as error:
        raise _unreachable(error) from None
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        # The libraries trust that an answer is what it should be, and stumble over another; RecursionError too.
        raise _senseless() from None


@contextmanager
def _quiet() -> Iterator[None]:
    """What the libraries would log holds codes and tokens, which no log shall show."""
    loggers = [logging.getLogger(name) for name in ("msal", "google_auth_oauthlib", "requests_oauthlib", "oauthlib")]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)


def _web() -> Any:
    """A session that follows no redirect: what is sent to a login service is for nobody else."""
    import requests

    session = requests.Session()
    session.max_redirects = 0
    session.request = _bounded(session.request)  # type: ignore[method-assign]
    return session


def _bounded(request: Callable[..., Any]) -> Callable[..., Any]:
    """The same request, with our patience."""

    def asked(*arguments: Any, **named: Any) -> Any:
        return request(*arguments, **{**named, "timeout": PATIENCE})

    return asked


def _missing_extra(extra: str, package: str) -> Problem:
    return Problem(
        "missing-extra",
        f"a login by OAuth 2 needs the package {package}, which is not installed",
        help=f'install it: pip install "sendplan[{extra}]"',
    )
