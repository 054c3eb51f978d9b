"""What became of a message that was sent."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

#: Codes from here on do not change by trying again (RFC 5321, 4.2.1).
PERMANENT = 500


class Outcome(StrEnum):
    """What became of a message."""

    #: The server took it for at least one recipient.
    ACCEPTED = "accepted"
    #: It was surely not taken; another try may succeed.
    TEMPORARY = "temporary"
    #: It was surely not taken and never will be as it is.
    PERMANENT = "permanent"
    #: The connection ended between the message and the answer. Sending again may deliver it twice.
    UNKNOWN = "unknown"


class Refusal(Struct, frozen=True):
    """A recipient that the server did not take."""

    address: str
    #: SMTP reply code.
    code: int
    text: str

    @property
    def permanent(self) -> bool:
        """Whether trying again is of no use."""
        return self.code >= PERMANENT


class SendResult(Struct, frozen=True, kw_only=True):
    """What became of a message, and for whom."""

    outcome: Outcome
    #: Who gets it; empty unless accepted or unknown.
    accepted: tuple[str, ...] = ()
    #: Who does not; those that are not `permanent` may be tried again, they alone.
    refused: tuple[Refusal, ...] = ()
    #: How far it came: `connect`, `login`, `sender`, `recipients`, `data`.
    stage: str = "data"
    #: SMTP reply code, 0 when there was none.
    code: int = 0
    #: What the server said, or what went wrong, at most 500 characters.
    text: str = ""
    #: The account is wrong and not this message: password, certificate, address of the server.
    account_at_fault: bool = False
