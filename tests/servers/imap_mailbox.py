"""A mailbox on loopback that speaks as much IMAP (RFC 3501) as a reader of bounces needs."""

from __future__ import annotations

import re
import socketserver
import threading
from dataclasses import dataclass, field


@dataclass
class ImapMailbox:
    """Mails by UID; what a client did to them is in `commands`. Use it with `with`."""

    password: str = "right horse"
    validity: int = 7
    mails: dict[int, bytes] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def add(self, mail: bytes) -> None:
        """A mail arrives."""
        self.mails[max(self.mails, default=0) + 1] = mail

    @property
    def port(self) -> int:
        """Where it listens, at 127.0.0.1."""
        return int(self._server.server_address[1])

    def __enter__(self) -> ImapMailbox:
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _Dialogue(box, self).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Dialogue:
    def __init__(self, box: ImapMailbox, handler: socketserver.StreamRequestHandler) -> None:
        self._box, self._in, self._out = box, handler.rfile, handler.wfile

    def run(self) -> None:
        self._say("* OK IMAP4rev1")
        while line := self._in.readline().decode().strip():
            tag, _, rest = line.partition(" ")
            name = rest.split(" ")[1].upper() if rest.upper().startswith("UID ") else rest.split(" ")[0].upper()
            self._box.commands.append(re.sub(r"(?i)^(LOGIN) .*", r"\1", rest))
            answer = getattr(self, f"_{name.lower()}", None)
            self._say(f"{tag} {answer(rest) if answer else 'BAD unknown command'}")
            if name == "LOGOUT":
                return

    def _say(self, line: str) -> None:
        self._out.write(line.encode() + b"\r\n")

    def _capability(self, _: str) -> str:
        self._say("* CAPABILITY IMAP4rev1")
        return "OK done"

    def _login(self, rest: str) -> str:
        return "OK done" if self._box.password in rest else "NO [AUTHENTICATIONFAILED] wrong password"

    def _examine(self, _: str) -> str:
        self._say(f"* {len(self._box.mails)} EXISTS")
        self._say(f"* OK [UIDVALIDITY {self._box.validity}]")
        return "OK [READ-ONLY] done"

    def _status(self, _: str) -> str:
        self._say(f'* STATUS "INBOX" (UIDVALIDITY {self._box.validity})')
        return "OK done"

    def _search(self, rest: str) -> str:
        """`UID n:*` always holds the last mail (RFC 3501 §6.4.8)."""
        found = re.search(r"UID (\d+):\*", rest)
        first = int(found[1]) if found else 1
        uids = [uid for uid in sorted(self._box.mails) if uid >= first] or sorted(self._box.mails)[-1:]
        self._say(f"* SEARCH {' '.join(map(str, uids))}".rstrip())
        return "OK done"

    def _fetch(self, rest: str) -> str:
        uid = int(rest.split(" ")[2])
        content = self._box.mails[uid]
        limit = re.search(r"BODY\.PEEK\[\]<0\.(\d+)>", rest)
        assert limit is not None, rest
        content = content[: int(limit[1])]
        self._out.write(f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(content)}}}\r\n".encode() + content + b")\r\n")
        return "OK done"

    def _logout(self, _: str) -> str:
        self._say("* BYE")
        return "OK done"
