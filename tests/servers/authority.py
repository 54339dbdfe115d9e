"""A stand-in of both login services, on loopback over https: discovery, device codes, browser logins, tokens.

Microsoft: device code (RFC 8628). Google: authorization code with state and PKCE (RFC 7636, RFC 8252).
"""

from __future__ import annotations

import base64
import builtins
import hashlib
import json
import re
import secrets
import ssl
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import trustme


class Authority:
    """A context manager; `logins` holds the access token that the mail server takes for each user now."""

    def __init__(self, folder: Path, user: str = "mia@example.com", client: str = "shop-app") -> None:
        self.user, self.client = user, client
        self.secret = "application-secret"
        self.logins: dict[str, str] = {}
        self.issued: list[str] = []
        """Every secret that it gave: access and refresh tokens, device codes, codes of browsers."""
        self.refreshes = 0
        self.seconds = 3600
        self.approved = True
        self.denied = False
        self.broken = False
        self.odd: tuple[int, str, bytes] | None = None
        """What is said instead of a token: status, content type (or, of a redirect, where to) and body."""
        self.extra: dict[str, Any] = {}
        """Keys of its own in each answer with a token; None leaves one out."""
        self._refresh: set[str] = set()
        self._challenges: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()
        authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(tls)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """Its https address."""
        return f"https://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Authority:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def revoke(self) -> None:
        """What an administrator or a changed password does: nothing that was given is worth anything any more."""
        with self._lock:
            self._refresh.clear()
            self.logins.clear()

    def end_early(self) -> None:
        """The access tokens end before the time that was told, as when a clock is wrong."""
        self.logins[self.user] = "ended"

    def refreshable(self) -> str:
        """A refresh token as an earlier login has left it."""
        token = self._new("refresh")
        self._refresh.add(token)
        return token

    def answer(self, method: str, path: str, sent: dict[str, str]) -> tuple[int, dict[str, Any] | str]:
        """What to say; a text is the address to go to."""
        if self.broken:
            return 503, {"error": "out of order"}
        with self._lock:
            if path.endswith("/.well-known/openid-configuration"):
                if "/unknown." in path:
                    return 400, {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant not found"}
                return 200, self._discovery(path)
            if path.endswith("/devicecode"):
                return 200, self._device()
            if path.endswith("/authorize"):
                return 302, self._authorized(sent)
            if path.endswith("/token") and method == "POST":
                return self._token(sent)
        return 404, {"error": "not found"}

    def _discovery(self, path: str) -> dict[str, Any]:
        base = self.address + path.removesuffix("/.well-known/openid-configuration")
        return {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "device_authorization_endpoint": f"{base}/devicecode",
        }

    def _device(self) -> dict[str, Any]:
        code = self._new("device")
        self._challenges[code] = ("", "")
        return {
            "device_code": code,
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{self.address}/device",
            "expires_in": 900,
            "interval": 1,
            "message": "",
        }

    def _authorized(self, sent: dict[str, str]) -> str:
        if self.denied:
            return f"{sent['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': sent['state']})}"
        code = self._new("code")
        assert sent["code_challenge_method"] == "S256"
        self._challenges[code] = (sent["code_challenge"], sent["redirect_uri"])
        return f"{sent['redirect_uri']}?{urlencode({'code': code, 'state': sent['state']})}"

    def _token(self, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if sent.get("client_id") != self.client:
            return 400, {"error": "invalid_client", "error_description": "AADSTS700016: application not found"}
        match sent["grant_type"]:
            case "urn:ietf:params:oauth:grant-type:device_code":
                if self.denied:
                    return 400, {"error": "authorization_declined", "error_description": "declined"}
                if not self.approved:
                    self.approved = True  # The person takes as long as one question.
                    return 400, {"error": "authorization_pending"}
                known = self._challenges.pop(sent["device_code"], None) is not None
            case "authorization_code":
                challenge, redirect = self._challenges.pop(sent["code"], ("", ""))
                verifier = hashlib.sha256(sent["code_verifier"].encode()).digest()
                proven = base64.urlsafe_b64encode(verifier).decode().rstrip("=") == challenge
                known = proven and redirect == sent["redirect_uri"] and sent.get("client_secret") == self.secret
            case "refresh_token":
                self.refreshes += 1
                known = sent["refresh_token"] in self._refresh
                self._refresh.discard(sent["refresh_token"])
            case _:
                known = False
        if not known:
            return 400, {"error": "invalid_grant", "error_description": "AADSTS50173: the grant has been revoked"}
        access, refresh = self._new("access"), self._new("refresh")
        self._refresh.add(refresh)
        self.logins[self.user] = access
        said = {
            "token_type": "Bearer",
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": self.seconds,
            "scope": sent.get("scope", "https://mail.google.com/"),
            **self.extra,
        }
        return 200, {name: value for name, value in said.items() if value is not None}

    def _new(self, kind: str) -> str:
        made = f"{kind}-{secrets.token_urlsafe(24 if kind != 'access' else 1500)}"
        self.issued.append(made)
        return made


def _handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._answer("POST", parse_qs(body))

        def _answer(self, method: str, sent: dict[str, list[str]]) -> None:
            first = {name: each[0] for name, each in sent.items()}
            if (given := self.headers.get("Authorization", "")).startswith("Basic "):
                named, _, secret = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
                first |= {"client_id": named, "client_secret": secret}
            path = urlsplit(self.path).path
            if authority.odd is not None and method == "POST" and path.endswith("/token"):
                code, kind, body = authority.odd
                said: dict[str, Any] | str = kind if 300 <= code < 400 else {}
            else:
                code, said = authority.answer(method, path, first)
                kind, body = "application/json", json.dumps({} if isinstance(said, str) else said).encode()
            self.send_response(code)
            if isinstance(said, str):
                self.send_header("Location", said)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is written."""

    return Handler


def opened_in_a_browser(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, *, forged: bool = False
) -> threading.Thread:
    """A person with a browser, who opens the address as soon as it is printed."""
    shown: list[str] = []
    printed = threading.Event()
    original = builtins.print

    def noted(*values: object, **named: object) -> None:
        original(*values, **named)  # type: ignore[call-overload]
        shown.extend(str(each) for each in values if "authorize?" in str(each))
        if shown:
            printed.set()

    monkeypatch.setattr(builtins, "print", noted)

    def browse() -> None:
        assert printed.wait(20)
        address = re.sub(r"state=\w+", "state=forged", shown[0]) if forged else shown[0]
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        with urllib.request.urlopen(address, context=context, timeout=10) as page:
            page.read()

    thread = threading.Thread(target=browse, daemon=True)
    thread.start()
    return thread
