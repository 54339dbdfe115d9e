"""What a mail server's refusal concerns: a closed list that the mail side decides on and the store keeps."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a refusal concerns, and thereby what to do about it (docs/sending.md#replies-by-what-they-concern)."""

    HOST = "host"
    """The server: no message is charged, a circuit breaker counts."""
    LOGIN = "login"
    """User name, password or the right to use them: the sender stops at once."""
    CREDENTIALS = "credentials"
    """This computer cannot read the sender's password or token: others may, the sender's server said nothing."""
    SENDER = "sender"
    """The From address or the name in EHLO, whatever the buyer: the sender stops at once, no message fails."""
    ACCOUNT_RATE = "account_rate"
    """Too fast: fewer connections, wait."""
    ACCOUNT_QUOTA = "account_quota"
    """Too many: the sender stops until the provider's window frees."""
    MESSAGE_LATER = "message_later"
    """This message, later."""
    ADDRESS = "address"
    """This address never: failed and suppressed."""
    MESSAGE_FAILED = "message_failed"
    """This message never."""
