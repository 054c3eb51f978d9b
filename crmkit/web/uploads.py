"""Files of imports and how far each one is, in the site's var folder, by person."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from crmkit.errors import NotFoundError
from crmkit.records.import_fields import Matching
from crmkit.records.import_plan import ImportReport
from crmkit.web.translate import _

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.model.context import Context

_KEPT_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}")
_LONGEST_NAME = 120

State = Literal["matching", "running", "done", "failed", "interrupted"]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file and what became of it.

    Attributes:
        size: In bytes.
        sent: Unix time in seconds.
        matching: As the person last chose it; None before.
        checked: The last dry run; after the run how it went.
        state: "running" may be stale after a crash; `import_runs.look` tells.
        attempt: Number of the run; each number runs once.
        started: Unix time of the run in seconds.
        transaction: Number of the run's transaction, "" before it began.
        error: Why the run failed.
    """

    token: str
    entity: str
    name: str
    size: int
    sent: float
    matching: Matching | None = None
    checked: ImportReport | None = None
    state: State = "matching"
    attempt: int = 0
    started: float = 0.0
    done: int = 0
    total: int = 0
    transaction: str = ""
    error: str = ""


def _folder(ctx: Context) -> Path:
    return ctx.config.var / "imports"


def _path(ctx: Context, token: str, end: str) -> Path:
    if not _TOKEN.fullmatch(token):
        raise _not_there()
    return _folder(ctx) / f"{ctx.user_id}-{token}.{end}"


def _not_there() -> NotFoundError:
    return NotFoundError(_("This import is not there. Send the file again."))


async def keep_upload(ctx: Context, entity: str, name: str, data: bytes) -> Upload:
    """Keep a file for a day; older ones go."""
    upload = Upload(
        token=secrets.token_hex(16),
        entity=entity,
        name=re.split(r"[\\/]", name)[-1][:_LONGEST_NAME],
        size=len(data),
        sent=time.time(),
    )

    def write() -> None:
        folder = _folder(ctx)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in folder.iterdir():
            if old.stat().st_mtime < time.time() - _KEPT_SECONDS:
                old.unlink(missing_ok=True)
        _path(ctx, upload.token, "csv").write_bytes(data)
        save_upload(ctx, upload)

    await asyncio.to_thread(write)
    return upload


def save_upload(ctx: Context, upload: Upload) -> None:
    """Write what became of a file; a reader sees the old text or the new one."""
    path = _path(ctx, upload.token, "json")
    part = path.with_suffix(f".{secrets.token_hex(4)}.part")
    part.write_bytes(msgspec.json.encode(upload))
    part.replace(path)


def find_upload(ctx: Context, entity: str, token: str) -> Upload:
    """Answer what became of a file this person sent.

    Raises:
        NotFoundError: It is older than a day, somebody else's, or for another entity.
    """
    try:
        upload = msgspec.json.decode(_path(ctx, token, "json").read_bytes(), type=Upload)
    except (FileNotFoundError, msgspec.DecodeError):
        raise _not_there() from None
    if upload.entity != entity:
        raise _not_there()
    return upload


async def read_upload(ctx: Context, token: str) -> bytes:
    """Answer the bytes of a file this person sent.

    Raises:
        NotFoundError: It is older than a day, or somebody else's.
    """
    try:
        return await asyncio.to_thread(_path(ctx, token, "csv").read_bytes)
    except FileNotFoundError:
        raise _not_there() from None


def claim_run(ctx: Context, upload: Upload) -> bool:
    """Take the next run of a file; False when another click or process has it."""
    path = _path(ctx, upload.token, f"run{upload.attempt + 1}")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def recent_uploads(ctx: Context, entity: str) -> list[Upload]:
    """List this person's imports of the last day that were run, newest first."""
    found = []
    for path in _folder(ctx).glob(f"{ctx.user_id}-*.json"):
        upload = find_upload_at(path)
        if upload is not None and upload.entity == entity and upload.state != "matching":
            found.append(upload)
    return sorted(found, key=lambda each: -each.started)[:5]


def find_upload_at(path: Path) -> Upload | None:
    """Read one file; None when it went away or another version wrote it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Upload)
    except (OSError, msgspec.DecodeError):
        return None
