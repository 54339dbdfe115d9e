"""Postfix, Dovecot's SASL and postgrey from Debian packages, on loopback: unpacked, never installed.

`python tests/servers/debian.py` fetches the packages with apt-get and unpacks them into `.servers/`. `running` starts
all three in a folder of their own, on free ports of 127.0.0.1, and stops what it started; whatever happens, they end
by themselves after `SECONDS`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2] / ".servers"
"""Where the packages are unpacked."""
PACKAGES = ("postfix", "dovecot-core", "postgrey")
SECONDS = 60
"""How long a server lives at most."""
MAIL_OWNER, OTHERS, DROP_GROUP = "daemon", "nobody", "mail"
"""Users and a group that every Debian has: Postfix wants its own ones to differ from those it runs commands as."""
PASSWORD = "right horse"
GREY_SECONDS = 1
ELSEWHERE = "elsewhere"
"""The port at which Postfix looks for the mail server of `gone.example.net`; a test may be it."""


class UnavailableError(Exception):
    """These servers cannot be had here; says why."""


def fetch() -> None:
    """Unpack the packages, and what they need beside what is installed, into `.servers/`; raises UnavailableError."""
    if (ROOT / "complete").exists():
        return
    if shutil.which("apt-get") is None:
        raise UnavailableError("there is no apt-get here")
    archives = ROOT / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "-y", "-qq", "-d", "--no-install-recommends", "-o", f"Dir::Cache::archives={archives}"]
    if _run(*download, "install", *PACKAGES):
        _run("apt-get", "-qq", "update")
        if wrong := _run(*download, "install", *PACKAGES):
            raise UnavailableError(f"apt-get cannot fetch {', '.join(PACKAGES)}: {wrong}")
    for package in archives.glob("*.deb"):
        if wrong := _run("dpkg-deb", "-x", str(package), str(ROOT)):
            raise UnavailableError(f"{package.name} cannot be unpacked: {wrong}")
    shutil.rmtree(archives)
    (ROOT / "complete").touch()


def _run(*command: str) -> str:
    """What went wrong, in one line; empty when nothing did."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1]


@dataclass(frozen=True)
class Servers:
    """What runs, and where."""

    ports: dict[str, int]
    """By the name of the service, see `_SERVICES`."""
    log: Path
    returned: Path
    """The folder of the mails that came back, to whatever address of `returned.example.com`."""

    def came_back(self, number: int) -> list[Path]:
        """So many files, waited for: Postfix writes its bounces after it has taken the mails."""
        deadline = time.monotonic() + 30
        while len(found := sorted(self.returned.glob("new/*"))) < number:
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            time.sleep(0.1)
        return found

    def count(self, text: str) -> int:
        """How often Postfix wrote this down."""
        return self.log.read_text(encoding="utf-8", errors="replace").count(text) if self.log.exists() else 0

    def logged(self, text: str) -> bool:
        """Whether Postfix wrote this down."""
        return self.count(text) > 0


_SERVICES: Mapping[str, Mapping[str, str]] = {
    "open": {},
    "unlisted": {"smtpd_reject_unlisted_sender": "yes"},
    "grey": {"smtpd_recipient_restrictions": "check_policy_service,inet:127.0.0.1:{grey_policy}"},
    "login": {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sender_login_maps": "texthash:{folder}/owners",
        "smtpd_sender_restrictions": "reject_sender_login_mismatch",
        "smtpd_relay_restrictions": "permit_sasl_authenticated,reject_unauth_destination",
    },
    "single": {"smtpd_recipient_limit": "1"},
    "named": {"smtpd_helo_required": "yes", "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname"},
    "encrypted": {"smtpd_tls_security_level": "encrypt"},
    "busy": {"smtpd_client_message_rate_limit": "2", "smtpd_client_event_limit_exceptions": ""},
}

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
meta_directory = {folder}/conf
shlib_directory = {root}/usr/lib/postfix
mail_owner = {owner}
default_privs = {others}
setgid_group = {group}
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LD_LIBRARY_PATH
export_environment = LD_LIBRARY_PATH
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.com
mydestination = example.com
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps = texthash:{folder}/known
local_transport = discard:
default_transport = discard:
relay_transport = discard:
transport_maps = texthash:{folder}/routes
recipient_delimiter = +
virtual_mailbox_domains = returned.example.com
virtual_mailbox_base = {folder}
virtual_mailbox_maps = static:returned/
virtual_uid_maps = static:{owner_id}
virtual_gid_maps = static:{owner_id}
virtual_minimum_uid = 1
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_tls_cert_file = {folder}/server.pem
smtpd_tls_security_level = may
smtpd_error_sleep_time = 0
smtpd_junk_command_limit = 1000
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
"""

_MASTER = """\
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
tlsmgr    unix  - - n 1000? 1 tlsmgr
discard   unix  - - n - - discard
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
smtp      unix  - - n - - smtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

_DOVECOT = """\
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
libexec_dir = {root}/usr/lib/dovecot
log_path = {folder}/dovecot.log
import_environment = LD_LIBRARY_PATH
default_internal_user = {owner}
default_internal_group = {owner}
default_login_user = {others}
protocols =
ssl = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/passwords
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home=/nonexistent
}}
auth_failure_delay = 0
service auth {{
  user = root
  unix_listener {folder}/spool/private/auth {{
    mode = 0666
  }}
}}
service anvil {{
  user = root
  # Else a failed login makes the next ones wait.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  user = root
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


_QUEUES = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop"),
    *("private", "public", "saved", "trace"),
)


@contextlib.contextmanager
def running(certificate: bytes) -> Iterator[Servers]:
    """All three, until the end of the `with` block; `certificate` is PEM with its key. Raises UnavailableError."""
    if os.geteuid() != 0:
        raise UnavailableError("only root may start Postfix")
    if not (ROOT / "complete").exists():
        raise UnavailableError("the servers are not unpacked; run `make servers`")
    folder = Path(tempfile.mkdtemp(prefix="sendplan-servers-"))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        folder.chmod(0o755)
        ports = _free_ports([*_SERVICES, "grey_policy", ELSEWHERE])
        _configure(folder, ports, certificate)
        processes += [_start(folder, command) for command in _commands(folder, ports)]
        servers = Servers(
            {name: ports[name] for name in (*_SERVICES, ELSEWHERE)}, folder / "mail.log", folder / "returned"
        )
        _wait_until_listening(folder, [ports[name] for name in ports if name != ELSEWHERE], processes)
        yield servers
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(names: list[str]) -> dict[str, int]:
    sockets = [socket.socket() for _ in names]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports


def _configure(folder: Path, ports: dict[str, int], certificate: bytes) -> None:
    names = {"folder": folder, "root": ROOT, "owner": MAIL_OWNER, "others": OTHERS, "group": DROP_GROUP}
    names["owner_id"] = pwd.getpwnam(MAIL_OWNER).pw_uid
    for name in (
        "conf",
        "data",
        "dovecot",
        "dovecot-state",
        "grey",
        "returned",
        "spool",
        *(f"spool/{each}" for each in _QUEUES),
    ):
        (folder / name).mkdir()
    for name in ("data", "returned"):
        shutil.chown(folder / name, MAIL_OWNER)
    for queue in _QUEUES:
        shutil.chown(folder / "spool" / queue, MAIL_OWNER)
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        shutil.chown(folder / "spool" / name, group=DROP_GROUP)
        (folder / "spool" / name).chmod(mode)
    (folder / "spool/pid").mkdir()
    services = [
        f"127.0.0.1:{ports[name]} inet n - n - - smtpd\n"
        + "".join(f"  -o {option}={value.format(folder=folder, **ports)}\n" for option, value in options.items())
        for name, options in _SERVICES.items()
    ]
    files = {
        "conf/main.cf": _MAIN.format(**names),
        "conf/master.cf": _MASTER + "".join(services),
        "dovecot.conf": _DOVECOT.format(**names),
        "passwords": f"shop:{{PLAIN}}{PASSWORD}\n",
        "owners": "shop@example.com shop\nother@example.com somebody\n",
        "known": "shop@example.com x\ncopies@example.com x\n",
        "routes": f"gone.example.net smtp:[127.0.0.1]:{ports[ELSEWHERE]}\n",
        "nobody": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "server.pem").write_bytes(certificate)


def _commands(folder: Path, ports: dict[str, int]) -> list[list[str]]:
    perl = [f"-I{ROOT}/usr/share/perl5", *(f"-I{each}" for each in (ROOT / "usr/lib").glob("*/perl5/*"))]
    nobody = folder / "nobody"
    grey = [f"--inet=127.0.0.1:{ports['grey_policy']}", f"--delay={GREY_SECONDS}", f"--dbdir={folder}/grey"]
    grey += ["--user=root", "--group=root", f"--whitelist-clients={nobody}", f"--whitelist-recipients={nobody}"]
    conf = str(folder / "dovecot.conf")
    # As Dovecot itself would call it, if it were installed.
    dovecot = [f"{ROOT}/usr/sbin/dovecot", "-F", "-c", conf]
    return [
        [f"{ROOT}/usr/lib/postfix/sbin/master", "-c", f"{folder}/conf", "-d"],
        [f"{ROOT}/usr/bin/doveconf", "-f", "service=master", "-c", conf, "-m", "master", "-e", *dovecot],
        ["perl", "-T", *perl, f"{ROOT}/usr/sbin/postgrey", *grey],
    ]


def _start(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    libraries = [
        *(ROOT / "usr/lib" / name for name in ("postfix", "dovecot", "dovecot/modules/old-stats")),
        *ROOT.glob("lib/*-linux-gnu"),
        *ROOT.glob("usr/lib/*-linux-gnu"),
    ]
    environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    with (folder / "output").open("ab") as output:
        # `timeout` ends them should nobody be left to do so.
        return subprocess.Popen(
            ["timeout", "--kill-after=5", str(SECONDS), *command],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _wait_until_listening(folder: Path, ports: Iterable[int], processes: Iterable[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + 20
    waiting = list(ports)
    while waiting or not (folder / "spool/private/auth").exists():
        for process in processes:
            if process.poll() is not None:
                raise UnavailableError(f"a server ended: {_said(folder)}")
        if time.monotonic() > deadline:
            raise UnavailableError(f"the servers did not begin to listen: {_said(folder)}")
        waiting = [port for port in waiting if not _listens(port)]
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _said(folder: Path) -> str:
    files = [folder / name for name in ("output", "mail.log", "dovecot.log")]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.exists()]
    return " ".join("\n".join(texts).split())[-600:]


if __name__ == "__main__":
    try:
        fetch()
    except UnavailableError as error:
        sys.exit(f"{error}; the tests against them are skipped")
