"""What changed, by whom, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import allowed as may
from crmkit.errors import ConflictError, CrmkitError, NotFoundError
from crmkit.model.values import N_
from crmkit.records.approval_merge import turn_approvals
from crmkit.records.journal import open_operation
from crmkit.records.merged import Pair, list_merged, pair_of, turn_merge
from crmkit.records.query import plain
from crmkit.records.read import get_record
from crmkit.records.references import move_back, moves_of
from crmkit.records.save import restore_record, save_record, trash_record
from crmkit.records.typed import from_journal
from crmkit.work.events import gathering, gathering_one

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


#: Kinds of operations that stay: what they took away is nowhere any more.
_FINAL = frozenset({"erase"})


class ChangeRow(msgspec.Struct, frozen=True):
    """A row of the journal, `before` and `after` as JSON values by field."""

    id: int
    operation: int
    entity: str
    record: int
    action: str
    before: dict[str, Any]
    after: dict[str, Any]
    who: str
    at: datetime
    cause: str


class OperationRow(msgspec.Struct, frozen=True):
    """Something done in one go, and how many records it touched."""

    id: int
    kind: str
    label: str
    cause: str
    who: str
    at: datetime
    records: int
    undone: bool

    @property
    def can_undo(self) -> bool:
        """Whether `undo_operation` takes it."""
        return not self.undone and self.kind not in _FINAL


class UndoResult(msgspec.Struct, frozen=True):
    """How an undo went: records put back, and those kept because they changed since."""

    undone: int
    kept: tuple[tuple[str, int], ...]


async def list_changes(
    ctx: Context, plan: EntityPlan, record_id: int, limit: int = 100
) -> list[ChangeRow]:
    """List a record's changes, newest first, with those of records merged into it.

    Raises:
        NotFoundError: The reader may not see the record.
    """
    await get_record(ctx, plan, record_id)
    merged = await list_merged(ctx, plan, record_id)
    # That one of them went to the trash then is said by the record that was kept.
    rows = await ctx.db.rows(
        "SELECT j.*, coalesce(u.name, '') AS who FROM core_journal j "
        "LEFT JOIN core_user u ON u.id = j.user_id "
        "WHERE j.entity = $1 AND j.record = ANY($4::bigint[]) "
        "AND NOT (j.record <> $2 AND j.action <> 'merge' AND j.operation = ANY($5::bigint[])) "
        "ORDER BY j.id DESC LIMIT $3",
        plan.name,
        record_id,
        limit,
        [record_id, *(gone for gone, _operation in merged)],
        [operation for _gone, operation in merged],
    )
    names = ChangeRow.__struct_fields__
    return [ChangeRow(**{name: row[name] for name in names}) for row in rows]


async def list_operations(ctx: Context, limit: int = 50) -> list[OperationRow]:
    """List operations, newest first: one's own, all for who administers users."""
    everybody = may(ctx, ctx.site.entity("core.user"), "admin")
    rows = await ctx.db.rows(
        "SELECT o.*, coalesce(u.name, '') AS who, o.undone_at IS NOT NULL AS undone, "
        "(SELECT count(*) FROM core_journal j WHERE j.operation = o.id) AS records "
        "FROM core_operation o LEFT JOIN core_user u ON u.id = o.user_id "
        "WHERE $1 OR o.user_id = $2 ORDER BY o.at DESC, o.id DESC LIMIT $3",
        everybody,
        ctx.user_id,
        limit,
    )
    names = OperationRow.__struct_fields__
    return [OperationRow(**{name: row[name] for name in names}) for row in rows]


async def undo_operation(ctx: Context, operation_id: int) -> UndoResult:
    """Replay an operation backwards, itself as an operation that can be undone.

    A field that changed since keeps its newer value, and a record that rules, rights or the trash
    keep from going back stays; both are listed in `kept`. The same rights are asked as for the
    changes themselves. Two records that were merged part whole or not at all.

    Raises:
        NotFoundError: There is no such operation of this person, or a merged record is no longer
            the person's to take out of the trash.
        ConflictError: It was undone already, or erased personal data.
    """
    async with ctx.db.transaction():
        operation = await ctx.db.row(
            "SELECT * FROM core_operation WHERE id = $1 FOR UPDATE", operation_id
        )
        everybody = may(ctx, ctx.site.entity("core.user"), "admin")
        if operation is None or not (everybody or operation["user_id"] == ctx.user_id):
            raise NotFoundError(ctx.translate(N_("There is no such change of yours to undo.")))
        if operation["undone_at"] is not None:
            raise ConflictError(ctx.translate(N_("This was undone already.")))
        if operation["kind"] in _FINAL:
            raise ConflictError(
                ctx.translate(N_("Personal data that was erased cannot come back."))
            )
        rows = await ctx.db.rows(
            "SELECT * FROM core_journal WHERE operation = $1 ORDER BY id DESC", operation_id
        )
        begun = ctx.within(await open_operation(ctx, "undo", operation["label"]), "undo")
        kept: list[tuple[str, int]] = []
        undone = 0
        pair = pair_of(rows)
        async with gathering(begun) as inner:
            for row in rows:
                undo = _undo_row if _parts(pair, row) else _try_undo
                if await undo(inner, row, pair):
                    undone += 1
                else:
                    kept.append((row["entity"], row["record"]))
        await _turn_approvals(begun, rows)
        await ctx.db.execute(
            "UPDATE core_operation SET undone_at = $2, undone_by = $3 WHERE id = $1",
            operation_id,
            ctx.now(),
            ctx.user_id,
        )
    return UndoResult(undone, tuple(kept))


async def _turn_approvals(ctx: Context, rows: Iterable[Any]) -> None:
    """Let questions follow records that were parted or merged again, when these are back."""
    for row in rows:
        what = row["after"] or row["before"]
        if row["action"] == "merge" and what.get("approvals"):
            await turn_approvals(
                ctx, ctx.site.entity(row["entity"]), what["approvals"],
                kept=row["record"], gone=what["gone"], parting=bool(row["after"]),
            )  # fmt: skip


def _parts(pair: Pair | None, row: Any) -> bool:  # noqa: ANN401 - a driver's row
    """Say whether a row is one of those that make two records one, or two again."""
    ours = pair is not None and row["entity"] == pair.entity and row["record"] in pair.ids
    return ours and row["action"] in {"merge", "trash", "restore"}


async def _try_undo(ctx: Context, row: Any, pair: Pair | None) -> bool:  # noqa: ANN401
    """Undo one row in a savepoint: what refuses to go back stays, without harm to the others."""
    try:
        async with gathering_one(ctx), ctx.db.transaction():
            return await _undo_row(ctx, row, pair)
    except CrmkitError:
        return False


async def _undo_row(ctx: Context, row: Any, pair: Pair | None) -> bool:  # noqa: ANN401
    plan = ctx.site.entity(row["entity"])
    if row["action"] == "merge":
        await turn_merge(ctx, plan, row)
        return True
    moves = moves_of(ctx, pair, row) if pair is not None else []
    if moves:
        return await move_back(ctx, moves, row)
    if row["action"] in {"create", "restore"}:
        await trash_record(ctx, plan, row["record"])
        return True
    if row["action"] == "trash":
        await restore_record(ctx, plan, row["record"])
        return True
    stored = await get_record(ctx, plan, row["record"], "edit", lock=True)
    untouched = {
        name: value
        for name, value in row["before"].items()
        # By value, not by text: 2.5 was written where the column now says 2.5000.
        if _same(stored.get(name), from_journal(plan, name, row["after"].get(name)))
    }
    values = {name: from_journal(plan, name, value) for name, value in untouched.items()}
    if values:
        await save_record(ctx, plan, row["record"], values)
    return len(untouched) == len(row["before"])


def _same(stored: Any, written: Any) -> bool:  # noqa: ANN401 - values of any column
    return bool(stored == written or plain(stored) == plain(written))
