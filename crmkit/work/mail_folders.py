"""The folders of a mailbox: which are read, how far, and how it went."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from crmkit.work.mail.reading import Cursor

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.work.mail.reading import Batch, MailboxReader

INBOX = "INBOX"
_LONGEST_ERROR = 500


class FolderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the reading of a folder goes.

    Attributes:
        received: Messages taken from it, without those that were there already.
        matched: Those of them that lie on a record.
        errors: Tries that went wrong, and messages that could not be stored.
        behind: Messages that the server had and that were not read yet, at the last look.
    """

    account: int
    folder: str
    is_sent: bool
    read_at: datetime | None
    received: int
    matched: int
    errors: int
    error: str
    behind: int

    @property
    def unmatched(self) -> int:
        """Messages that lie on no record."""
        return self.received - self.matched


async def choose_folders(reader: MailboxReader, wanted: tuple[str, ...]) -> dict[str, bool]:
    """Answer which folders to read, and whether what lies there was sent by the account.

    Args:
        wanted: Names as typed; none are the inbox, and that of sent mail where the server
            names one (RFC 6154).
    """
    sent = await reader.sent_folder()
    names = wanted or ((INBOX, sent) if sent else (INBOX,))
    return {name: name == sent for name in names}


async def list_cursors(ctx: Context, account: int) -> dict[str, Cursor]:
    """Answer how far each folder of an account was read."""
    rows = await ctx.db.rows(
        "SELECT folder, uid_validity, last_uid, gaps FROM core_mail_cursor WHERE account = $1",
        account,
    )
    return {
        row["folder"]: Cursor(**{**dict(row), "gaps": tuple(row["gaps"])})
        for row in rows
        if row["uid_validity"]
    }


async def save_cursor(ctx: Context, account: int, batch: Batch, *, is_sent: bool = False) -> None:
    """Write how far a folder was read: in the transaction that writes the messages."""
    cursor = batch.cursor
    await ctx.db.execute(
        "INSERT INTO core_mail_cursor AS c (account, folder, uid_validity, last_uid, gaps, behind, "
        "is_sent, read_at) VALUES ($1, $2, $3, $4, $5, $6, $7, now()) "
        "ON CONFLICT (account, folder) DO UPDATE SET uid_validity = $3, last_uid = $4, gaps = $5, "
        "behind = $6, is_sent = $7, read_at = now(), error = ''",
        account, cursor.folder, cursor.uid_validity, cursor.last_uid, list(cursor.gaps),
        batch.behind, is_sent,
    )  # fmt: skip


async def count_stored(
    ctx: Context, account: int, folder: str, made: list[int], lost: list[int]
) -> None:
    """Add what was stored to the counts of a folder.

    Args:
        lost: UIDs of messages that could not be stored.
    """
    if not made and not lost:
        return
    told = f"Not stored, see the log: UID {', '.join(map(str, lost))}." if lost else ""
    await ctx.db.execute(
        "UPDATE core_mail_cursor SET received = received + $3, errors = errors + $4, "
        "error = CASE WHEN $4 = 0 THEN error ELSE $6 END, "
        "matched = matched + (SELECT count(DISTINCT message) FROM core_message_link "
        "WHERE message = ANY($5)) WHERE account = $1 AND folder = $2",
        account, folder, len(made), len(lost), made, told[:_LONGEST_ERROR],
    )  # fmt: skip


async def note_folder_error(ctx: Context, account: int, folder: str, error: str) -> None:
    """Write what went wrong with a folder; where it was never read, nothing says how far."""
    await ctx.db.execute(
        "INSERT INTO core_mail_cursor AS c (account, folder, uid_validity, last_uid, errors, "
        "error) VALUES ($1, $2, 0, 0, 1, $3) ON CONFLICT (account, folder) DO UPDATE SET "
        "errors = c.errors + 1, error = $3",
        account, folder, error[:_LONGEST_ERROR],
    )  # fmt: skip


async def folder_health(ctx: Context) -> dict[int, list[FolderHealth]]:
    """Answer how the folders of each account fare, the inbox first."""
    rows = await ctx.db.rows(
        "SELECT account, folder, is_sent, read_at, received, matched, errors, error, behind "
        "FROM core_mail_cursor ORDER BY account, folder <> 'INBOX', folder"
    )
    found: dict[int, list[FolderHealth]] = {}
    for row in rows:
        found.setdefault(row["account"], []).append(FolderHealth(**dict(row)))
    return found
