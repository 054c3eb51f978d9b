"""Addresses that people type: checked before anything is sent to them."""

from __future__ import annotations

from msgspec import Struct

from crmkit.errors import InvalidError

_LONGEST_NAME = 200
#: Names are shown to people; marks that turn the direction of text could hide another one.
_TURNING = dict.fromkeys(
    map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)


class Mailbox(Struct, frozen=True):
    """A checked address to send from or to."""

    #: Shown name, "" for none.
    name: str
    #: As it goes on the wire; the domain in ASCII where the local part is.
    address: str

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 takes it (RFC 6531)."""
        return not self.address.isascii()


def check_mailbox(address: str, name: str = "") -> Mailbox:
    """Check an address by its form; whether somebody reads it is not asked, nor is any DNS.

    Args:
        address: `anna@example.com`, without a name.
        name: Shown beside it; line breaks and control characters are refused.

    Raises:
        InvalidError: One sentence that names the address and what is wrong with it.
    """
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - for mail only

    check_line(address, "address")
    check_line(name, "name")
    try:
        found = validate_email(
            address, check_deliverability=False, allow_smtputf8=True, strict=True
        )
    except EmailNotValidError as error:
        message = f"`{address[:100]}` is no e-mail address: {error}"
        raise InvalidError(message, {"address": message}) from error
    # In ASCII wherever that is possible: not each server knows SMTPUTF8, every one knows IDNA.
    told = found.ascii_email or found.normalized
    return Mailbox(name.translate(_TURNING).strip()[:_LONGEST_NAME], told)


def check_line(value: str, what: str) -> str:
    """Refuse what could begin another header (RFC 5322, 2.2); answer the value.

    Raises:
        InvalidError: It holds a line break or another control character.
    """
    if any(ord(letter) < 32 or ord(letter) in _BREAKS for letter in value):  # noqa: PLR2004
        message = (
            f"The {what} of a message is one line; remove the line break or control character "
            f"from {value[:60]!r}."
        )
        raise InvalidError(message, {what: message})
    return value


#: DEL and what Unicode calls the end of a line: some programs break lines there.
_BREAKS = frozenset({0x7F, 0x85, 0x2028, 0x2029})
