"""Files of imports between upload and run, in the site's var folder, by person."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING

from crmkit.errors import NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.model.context import Context

_KEPT_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}")


def _folder(ctx: Context) -> Path:
    return ctx.config.var / "imports"


def _path(ctx: Context, token: str) -> Path:
    if not _TOKEN.fullmatch(token):
        raise NotFoundError("This import is not there. Send the file again.")
    return _folder(ctx) / f"{ctx.user_id}-{token}.csv"


async def keep_upload(ctx: Context, data: bytes) -> str:
    """Keep a file for a day and answer its token; older ones go."""
    token = secrets.token_hex(16)

    def write() -> None:
        folder = _folder(ctx)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in folder.glob("*.csv"):
            if old.stat().st_mtime < time.time() - _KEPT_SECONDS:
                old.unlink(missing_ok=True)
        _path(ctx, token).write_bytes(data)

    await asyncio.to_thread(write)
    return token


async def read_upload(ctx: Context, token: str) -> bytes:
    """Answer a file this person kept.

    Raises:
        NotFoundError: It is older than a day, or somebody else's.
    """
    try:
        return await asyncio.to_thread(_path(ctx, token).read_bytes)
    except FileNotFoundError:
        raise NotFoundError("This import is not there. Send the file again.") from None


async def drop_upload(ctx: Context, token: str) -> None:
    """Delete a file that was imported."""
    await asyncio.to_thread(_path(ctx, token).unlink, missing_ok=True)
