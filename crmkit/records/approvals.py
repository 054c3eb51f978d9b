"""Asking a second person, and what came of it.

An approval binds to the content it saw: it names the record's version, and is void when somebody
saved in between. What is approved is done by who approves it, with that person's rights.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from crmkit.access.predicate import allowed, check, predicate
from crmkit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from crmkit.model.notification import Telling
from crmkit.model.values import N_
from crmkit.records.actions import (
    actions_of,
    check_fits,
    decode_input,
    find_action,
    perform_action,
    read_amounts,
)
from crmkit.records.journal import one_operation
from crmkit.records.read import get_record
from crmkit.records.save import save_record
from crmkit.records.second_person import needs_second
from crmkit.records.values import parse_values
from crmkit.work.notifications import notify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_LONGEST = 500
_MOST = 100
#: What becomes of a question.
STATES = ("waiting", "approved", "refused", "withdrawn", "stale")
_NONE: dict[str, Any] = {}
_READ = """
SELECT a.*, u.name AS asker, d.name AS decider FROM core_approval a
JOIN core_user u ON u.id = a.asked_by LEFT JOIN core_user d ON d.id = a.decided_by
"""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a second person.

    Attributes:
        action: Name of the action; "" is a move to another state.
        input: Of the action, or field to text of the move.
        state: waiting, approved, refused, withdrawn, or stale: the record changed meanwhile.
        asked_at: Aware, in UTC.
    """

    id: int
    entity: str
    record: int
    version: int
    action: str
    input: dict[str, Any]
    note: str
    state: str
    asked_by: int
    asker: str
    asked_at: datetime
    decided_by: int | None
    decider: str | None
    decided_at: datetime | None
    reason: str


def asks_second(plan: EntityPlan) -> bool:
    """Say whether anything of an entity may need a second person."""
    moves = plan.lifecycle is not None and bool(plan.lifecycle.second_person)
    return moves or any(action.second_person for action in actions_of(plan))


async def ask_approval(
    ctx: Context,
    plan: EntityPlan,
    record_id: int,
    *,
    action: str = "",
    values: Mapping[str, Any] = _NONE,
    note: str = "",
) -> int:
    """Ask for an action, or for a move by the lifecycle's column in `values`; answer its number.

    Raises:
        NotFoundError: The record is not the asker's to do it with.
        ForbiddenError: No person asks.
        ConflictError: The state does not allow it, nobody else is needed, or it was asked already.
        InvalidError: The input does not fit.
    """
    if ctx.user_id is None:
        raise ForbiddenError(ctx.translate(N_("Only a person can ask for an approval.")))
    if len(note) > _LONGEST or "\x00" in note:
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")),
            {"note": ctx.translate(N_("is too long; shorten it"))},
        )
    verb = find_action(plan, action).permission if action else "edit"
    async with ctx.db.transaction():
        record = await get_record(ctx, plan, record_id, verb, lock=True)
        _check_wanted(ctx, plan, record, action, values)
        # Who decides may write numbers otherwise than who asked.
        kept = read_amounts(ctx, find_action(plan, action), values) if action else dict(values)
        try:
            async with ctx.db.transaction():
                number: int = await ctx.db.value(
                    "INSERT INTO core_approval (entity, record, version, action, input, note, "
                    "asked_by, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
                    plan.name, record_id, record["version"], action, kept, note,
                    ctx.user_id, ctx.now(),
                )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            text = N_("This was asked for already and waits for an answer.")
            raise ConflictError(ctx.translate(text)) from error
        title = str(record[plan.title] or "")
        text = N_("{who} asks you to approve something on {title}.")
        await _tell(ctx, await _deciders(ctx, record), number, text, title)
    return number


async def _deciders(ctx: Context, record: Mapping[str, Any]) -> list[int]:
    """Answer who is told of a question: managers of the record's team, else administrators."""
    rows = await ctx.db.rows(
        "WITH RECURSIVE up AS (SELECT id, manager, parent FROM core_team WHERE id = $1 "
        "UNION SELECT t.id, t.manager, t.parent FROM core_team t JOIN up ON t.id = up.parent) "
        "SELECT manager AS id FROM up WHERE manager IS DISTINCT FROM $2 AND manager IS NOT NULL",
        record["team"], ctx.user_id,
    )  # fmt: skip
    admins = [
        name for name, role in ctx.site.roles.items() if role.scope("core.user", "admin") == "all"
    ]
    if not rows:
        rows = await ctx.db.rows(
            "SELECT id FROM core_user WHERE role = ANY($1) AND active AND trashed_at IS NULL "
            "AND id IS DISTINCT FROM $2",
            admins, ctx.user_id,
        )  # fmt: skip
    return [row["id"] for row in rows]


async def _tell(ctx: Context, users: list[int], number: int, text: str, title: str) -> None:
    values = {"who": ctx.principal.name, "title": title}
    telling = Telling(
        kind="core.approval", text=text, values=values, key=f"approval:{number}:{text[:20]}",
        url="/approvals" if "asks" in text else "/approvals?show=own",
    )  # fmt: skip
    await notify(ctx, users, telling)


def _check_wanted(
    ctx: Context,
    plan: EntityPlan,
    record: Mapping[str, Any],
    action: str,
    values: Mapping[str, Any],
) -> None:
    if action:
        found = find_action(plan, action)
        check_fits(ctx, plan, found, record)
        decode_input(ctx, found, values)
        return
    column = plan.lifecycle.column if plan.lifecycle else ""
    state = str(values.get(column, ""))
    parsed = parse_values(ctx, plan, {name: str(text) for name, text in values.items()})
    if set(values) != {column} or not needs_second(ctx, plan, state, {**record, **parsed}):
        raise ConflictError(ctx.translate(N_("Nobody else is needed for this. Do it yourself.")))


async def find_approval(ctx: Context, number: int) -> Approval:
    """Answer a question that the reader asked, or may answer, or whose record he reads.

    Raises:
        NotFoundError: There is none, or it is none of the reader's.
    """
    row = await ctx.db.row(f"{_READ} WHERE a.id = $1", number)
    if row is not None and row["entity"] in ctx.site.entities:
        try:
            await get_record(ctx, ctx.site.entity(row["entity"]), row["record"])
        except NotFoundError:
            row = row if row["asked_by"] == ctx.user_id else None
        if row is not None:
            return _approval(row)
    raise NotFoundError(ctx.translate(N_("There is no such question, or it is not yours.")))


async def list_approvals(ctx: Context) -> tuple[list[Approval], list[Approval]]:
    """Answer what waits for the reader's decision, and the last hundred he asked for himself."""
    waiting: list[Approval] = []
    for plan in ctx.site.entities.values():
        if not asks_second(plan) or not allowed(ctx, plan, "edit"):
            continue
        rule = predicate(ctx, plan, "edit", "t", 3)
        rows = await ctx.db.rows(
            f'{_READ} JOIN "{plan.tablename}" t ON t.id = a.record WHERE a.entity = $1 '
            f"AND a.state = 'waiting' AND a.asked_by IS DISTINCT FROM $2 AND ({rule.text}) "
            f"ORDER BY a.id LIMIT {_MOST}",
            plan.name,
            ctx.user_id,
            *rule.args,
        )
        waiting += map(_approval, rows)
    own = await ctx.db.rows(
        f"{_READ} WHERE a.asked_by = $1 ORDER BY a.id DESC LIMIT {_MOST}", ctx.user_id
    )
    return sorted(waiting, key=lambda each: each.id), list(map(_approval, own))


async def list_all(ctx: Context, state: str = "waiting", most: int = 1000) -> list[Approval]:
    """Answer the questions of the whole site in a state, the oldest first.

    Raises:
        ForbiddenError: The role does not administer the site.
    """
    check(ctx, ctx.site.entity("core.user"), "admin")
    rows = await ctx.db.rows(f"{_READ} WHERE a.state = $1 ORDER BY a.id LIMIT $2", state, most)
    return list(map(_approval, rows))


def _approval(row: asyncpg.Record) -> Approval:
    return Approval(**dict(row))


async def decide_approval(
    ctx: Context, number: int, *, approve: bool, reason: str = ""
) -> tuple[str, int]:
    """Answer a question; what is approved is done at once, as one operation that can be undone.

    Returns:
        The address to go to, and the operation, 0 without one.

    Raises:
        NotFoundError: There is none, or the record is not the person's to do it with.
        SecondPersonError: The person asked for it, or worked on the record.
        ConflictError: It was answered already, or the record changed since it was asked.
        InvalidError: Why it is refused is missing.
    """
    approval = await find_approval(ctx, number)
    plan = ctx.site.entity(approval.entity)
    action = find_action(plan, approval.action) if approval.action else None
    if approval.asked_by == ctx.user_id or ctx.user_id is None:
        raise ForbiddenError(ctx.translate(N_("Who asked for it cannot approve it.")))
    if not approve and not reason.strip():
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")),
            {"reason": ctx.translate(N_("is needed; say why"))},
        )
    url, operation, is_stale = f"/{plan.name}/{approval.record}", 0, False
    async with ctx.db.transaction():
        record = await get_record(
            ctx, plan, approval.record, action.permission if action else "edit", lock=True
        )
        is_stale = approve and record["version"] != approval.version
        state = "stale" if is_stale else "approved" if approve else "refused"
        done = await ctx.db.value(
            "UPDATE core_approval SET state = $2, decided_by = $3, decided_at = $4, reason = $5 "
            "WHERE id = $1 AND state = 'waiting' RETURNING id",
            number, state, ctx.user_id, ctx.now(), reason.strip()[:_LONGEST],
        )  # fmt: skip
        if done is None:
            raise ConflictError(ctx.translate(N_("This was answered already.")))
        title = str(record[plan.title] or "")
        said = {
            "approved": N_("{who} approved what you asked for on {title}."),
            "refused": N_("{who} refused what you asked for on {title}."),
            "stale": N_("{title} changed after you asked for an approval. Ask again."),
        }
        await _tell(ctx, [approval.asked_by], number, said[state], title)
        if state == "approved":
            async with one_operation(replace(ctx, cause="approval"), "action") as inner:
                if action is not None:
                    url = await perform_action(
                        inner, plan, action, approval.record, approval.input, approved=True
                    )
                else:
                    await save_record(inner, plan, approval.record, approval.input)
                operation = int(inner.operation or 0)
    if is_stale:
        raise ConflictError(
            ctx.translate(N_("The record changed after this was asked. It has to be asked again."))
        )
    return url, operation


async def withdraw_approval(ctx: Context, number: int) -> None:
    """Take back a question of one's own.

    Raises:
        ConflictError: It was answered already, or somebody else asked.
    """
    done = await ctx.db.value(
        "UPDATE core_approval SET state = 'withdrawn', decided_by = asked_by, decided_at = $3 "
        "WHERE id = $1 AND asked_by = $2 AND state = 'waiting' RETURNING id",
        number, ctx.user_id, ctx.now(),
    )  # fmt: skip
    if done is None:
        raise ConflictError(ctx.translate(N_("This was answered already.")))
