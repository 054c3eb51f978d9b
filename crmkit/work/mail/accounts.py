"""How a mail server is reached: settings of one account, the same for reading and sending."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from typing import Literal

from msgspec import Struct

from crmkit.errors import ConfigError
from crmkit.model.values import N_, Sentence

_ENTER_AGAIN = Sentence(
    N_("Enter the password of the mailbox again; some providers want an application password.")
)
_ALLOW_AGAIN = Sentence(N_("Sign in at the provider again, or enter a new refresh token."))
#: `implicit`: encrypted from the first byte (ports 465, 993). `starttls`: encrypted after a
#: command (587, 143), and refused where that fails. `plain`: not at all, for servers nearby.
Tls = Literal["implicit", "starttls", "plain"]


class SmtpAccount(Struct, frozen=True, kw_only=True):
    """A server that takes our mail."""

    host: str
    port: int = 465
    tls: Tls = "implicit"
    #: "" signs in nowhere.
    username: str = ""
    password: str = ""
    #: Access token; then it signs in by XOAUTH2 and not by password.
    token: str = ""
    #: Name we greet with (RFC 5321, 4.1.1.1); "" is this machine's.
    local_name: str = ""
    #: PEM file of a certificate authority of the company; "" takes the system's.
    ca_file: str = ""
    #: Seconds to connect, and for each answer but the last.
    timeout: float = 30
    #: Seconds from the message to the answer; RFC 5321, 4.5.3.2.6 asks for ten minutes.
    data_timeout: float = 600

    def __repr__(self) -> str:
        """Leave out the password, as logs and errors show this."""
        return f"SmtpAccount({self.username}@{self.host}:{self.port}, {self.tls})"


class ImapAccount(Struct, frozen=True, kw_only=True):
    """A mailbox that is read."""

    host: str
    port: int = 993
    tls: Tls = "implicit"
    username: str
    password: str
    #: As of `SmtpAccount`.
    token: str = ""
    ca_file: str = ""
    #: Seconds to connect and for each answer.
    timeout: float = 60

    def __repr__(self) -> str:
        """Leave out the password, as logs and errors show this."""
        return f"ImapAccount({self.username}@{self.host}:{self.port}, {self.tls})"


def make_tls(account: SmtpAccount | ImapAccount) -> ssl.SSLContext:
    """Make the context that checks the server's certificate and name.

    Raises:
        ConfigError: `ca_file` cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=account.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            Sentence(
                N_("The certificate authority {file} of {host} cannot be read: {said}"),
                file=account.ca_file, host=account.host, said=str(error),
            )
        ) from error  # fmt: skip


def check_secrecy(account: SmtpAccount | ImapAccount) -> None:
    """Refuse to send a password through a network unencrypted.

    Raises:
        ConfigError: It would; the sentence says what to change.
    """
    secret = account.password or account.token
    if account.tls == "plain" and secret and not is_here(account.host):
        raise ConfigError(
            Sentence(
                N_(
                    "The password for {host} would go through the network unencrypted. "
                    "Set tls to `implicit` or `starttls`."
                ),
                host=account.host,
            )
        )


def refusal_of(account: SmtpAccount | ImapAccount, said: str) -> str:
    """Answer the sentence of a server that lets nobody in: what it said, and what helps."""
    again = _ALLOW_AGAIN if account.token else _ENTER_AGAIN
    return Sentence(
        N_("{host} refuses {name}: {said}. {remedy}"),
        host=account.host, name=account.username, said=said.rstrip("."), remedy=again,
    )  # fmt: skip


def is_here(host: str) -> bool:
    """Say whether a name is this machine's."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
