"""Passwords of other services, sealed with a key that lies beside the database, not in it.

No library for it is among those crmkit brings, so it is put together of the standard library's
HMAC: keys by HKDF (RFC 5869), a key stream by the PRF in counter mode (NIST SP 800-108, 4.1),
and a tag over nonce and ciphertext (encrypt, then MAC).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from crmkit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.config import Config

_BYTES = 32
_NONCE = 16
_BLOCK = hashlib.sha256().digest_size


def key_path(config: Config) -> Path:
    """Answer where the key of a site lies; keep it with each backup, and out of git."""
    return config.var / "secret.key"


def site_secret(config: Config, use: str) -> bytes:
    """Answer a key for one use, 32 bytes, made of the site's; that is made when there is none.

    Raises:
        ConfigError: The file cannot be read or made, or is no key.
    """
    path = key_path(config)
    try:
        if not path.exists():
            _make(path)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: this is no key that can be read: {error}.") from error
    if len(key) != _BYTES:
        raise ConfigError(f"{path}: the key has {len(key)} bytes instead of {_BYTES}.")
    extracted = hmac.digest(b"crmkit", key, "sha256")
    return hmac.digest(extracted, use.encode() + b"\x01", "sha256")


def _make(path: Path) -> None:
    """Write a key; of two processes one does, and both read the whole of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_BYTES))
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def seal(config: Config, text: str) -> bytes:
    """Answer a text that only this site can read again."""
    nonce = secrets.token_bytes(_NONCE)
    data = text.encode()
    sealed = nonce + _mix(site_secret(config, "seal"), nonce, data)
    return sealed + hmac.digest(site_secret(config, "tag"), sealed, "sha256")


def unseal(config: Config, sealed: bytes) -> str:
    """Answer what was sealed.

    Raises:
        ConfigError: Another key sealed it, or it was changed.
    """
    body, tag = sealed[:-_BLOCK], sealed[-_BLOCK:]
    if not hmac.compare_digest(hmac.digest(site_secret(config, "tag"), body, "sha256"), tag):
        raise ConfigError(
            f"A stored password cannot be read with {key_path(config)}. Bring back the file that "
            "belongs to this database, or enter the password again."
        )
    return _mix(site_secret(config, "seal"), body[:_NONCE], body[_NONCE:]).decode()


def _mix(key: bytes, nonce: bytes, data: bytes) -> bytes:
    blocks = range(-(-len(data) // _BLOCK))
    stream = b"".join(hmac.digest(key, n.to_bytes(4, "big") + nonce, "sha256") for n in blocks)
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))
