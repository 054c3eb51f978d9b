"""What a person may change about themselves, whatever the role says about users."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import msgspec

from crmkit.errors import InvalidError
from crmkit.model.people import LANGUAGES, THEMES
from crmkit.work.notice_plans import speak_and_plan

if TYPE_CHECKING:
    from crmkit.model.context import Context


class Account(msgspec.Struct, frozen=True):
    """Own preferences; "" means the site's."""

    language: str
    time_zone: str


async def read_account(ctx: Context) -> Account:
    """Read one's own preferences."""
    row = await ctx.db.row("SELECT language, time_zone FROM core_user WHERE id = $1", ctx.user_id)
    return Account(row["language"], row["time_zone"]) if row else Account("", "")


async def save_account(ctx: Context, language: str, time_zone: str) -> None:
    """Save one's own preferences.

    Raises:
        InvalidError: A language or zone that does not exist.
    """
    problems = {}
    if language and language not in {choice.value for choice in LANGUAGES}:
        problems["language"] = "This language is not there. Choose one from the list."
    if time_zone and time_zone not in available_timezones():
        problems["time_zone"] = "There is no such time zone. Enter one such as Europe/Berlin."
    if problems:
        raise InvalidError("Some fields need a correction before this can be saved.", problems)
    await speak_and_plan(ctx, language, time_zone)


async def save_theme(ctx: Context, theme: str) -> None:
    """Save light, dark or system.

    Raises:
        InvalidError: It is none of them.
    """
    if theme not in {choice.value for choice in THEMES}:
        raise InvalidError("There is no such theme. Choose light, dark or system.")
    await ctx.db.execute("UPDATE core_user SET theme = $2 WHERE id = $1", ctx.user_id, theme)
