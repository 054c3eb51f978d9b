"""HTTP to addresses that people typed: never to this machine or its network, never without an end.

Source:
    OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import msgspec

from crmkit.errors import InvalidError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_MOST_READ = 64 * 1024
#: IPv6 prefixes that carry an IPv4 address, which may be a private one.
_CARRIERS = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2002::/16"))


class Answer(msgspec.Struct, frozen=True):
    """What came back, as far as it was wanted."""

    status: int
    text: str


def check_url(url: str, *, allow_private: bool = False) -> str:
    """Answer an address that may be called, as far as its letters say.

    Raises:
        InvalidError: It is none, has a password in it, or is not https.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidError("This is no address.", {"url": "is no address"}) from error
    if (
        parts.scheme not in ({"http", "https"} if allow_private else {"https"})
        or not parts.hostname
    ):
        raise InvalidError("An address begins with https://.", {"url": "must begin with https://"})
    if parts.username or parts.password or port == 0 or not url.strip().isprintable():
        text = "must hold no name and no password"
        raise InvalidError("An address holds no name and no password.", {"url": text})
    return url.strip()


def is_public(address: Address) -> bool:
    """Say whether an address is one of the internet, in whatever spelling."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _CARRIERS):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolve(host: str, port: int, *, allow_private: bool = False) -> str:
    """Answer the address a name stands for, all of its addresses looked at.

    Raises:
        UnavailableError: The name is not known at this moment.
        InvalidError: One of its addresses is of this machine or a private network.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnavailableError(f"The name {host} is not known.") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    for text in addresses:
        if not allow_private and not is_public(ipaddress.ip_address(text)):
            raise InvalidError(
                f"{host} leads into a private network. An administrator can allow that with "
                "`[webhooks] allow_private = true` in crmkit.toml."
            )
    return addresses[0]


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    longest: int = 2000,
) -> Answer:
    """Send a body and answer what came back, within 15 seconds and 64 KiB; redirects are answers.

    The connection goes to the address that was looked at, so that a name cannot change between.

    Args:
        longest: Bytes of the answer that are kept.

    Raises:
        InvalidError: The address may not be called.
        UnavailableError: Nothing came back in time.
    """
    import httpx  # noqa: PLC0415 - heavy, and few jobs need it

    parts = urlsplit(check_url(url, allow_private=allow_private))
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_SECONDS):
            address = await resolve(host, port, allow_private=allow_private)
            literal = f"[{address}]" if ":" in address else address
            target = urlunsplit((parts.scheme, f"{literal}:{port}", parts.path, parts.query, ""))
            limits = httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS)
            async with (
                httpx.AsyncClient(
                    timeout=limits, follow_redirects=False, trust_env=False
                ) as client,
                client.stream(
                    "POST",
                    target,
                    content=body,
                    headers={"Host": parts.netloc, "Accept-Encoding": "identity", **headers},
                    extensions={"sni_hostname": host},
                ) as answer,
            ):
                read = b""
                async for piece in answer.aiter_raw():
                    read += piece
                    if len(read) >= _MOST_READ:
                        break
                return Answer(answer.status_code, read[:longest].decode(errors="replace"))
    except (httpx.HTTPError, OSError, TimeoutError, ValueError) as error:
        said = str(error) or type(error).__name__
        raise UnavailableError(f"{host} did not answer: {said[:200]}") from error
