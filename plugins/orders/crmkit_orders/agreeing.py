"""What people do with blanket orders: begin, raise or extend, close, cancel and renew them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from crmkit import N_, InputRow, InvalidError
from crmkit_orders.agreed import lines_of
from crmkit_orders.agreements import AGREEMENT, LINE
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.money import check_quantity
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context
    from crmkit_orders.reading import Row

#: Each id and each number of a form, as text.
Typed = dict[
    Annotated[str, msgspec.Meta(max_length=18)], Annotated[str, msgspec.Meta(max_length=30)]
]


class RaiseOrExtend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is agreed from now on: quantities by the id of their line, and the last day.

    What is left out, or empty, stays.
    """

    quantities: Typed | None = None
    until: date | None = None


class CancelAgreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is cancelled."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


async def begin_agreement(
    ctx: Context, agreement_id: int, _data: None, version: int | None = None
) -> None:
    """Begin an agreement: from now on its prices hold, and it can be called off.

    Raises:
        Veto: It is not complete; names what is missing.
        StaleVersionError: It changed since the page was shown.
    """
    await ctx.save(AGREEMENT, agreement_id, version=version, state="running")


async def close_agreement(
    ctx: Context, agreement_id: int, _data: None, version: int | None = None
) -> None:
    """Close an agreement: nothing more is called off. What was, is delivered as ever.

    Raises:
        StaleVersionError: It changed since the page was shown.
    """
    await ctx.save(AGREEMENT, agreement_id, version=version, state="closed")


async def cancel_agreement(
    ctx: Context, agreement_id: int, data: CancelAgreement, version: int | None = None
) -> None:
    """Cancel an agreement; drafts that call it off can no longer be confirmed.

    Raises:
        StaleVersionError: It changed since the page was shown.
    """
    await ctx.save(
        AGREEMENT, agreement_id, version=version, state="cancelled", cancel_reason=data.reason
    )


async def raise_or_extend(
    ctx: Context, agreement_id: int, data: RaiseOrExtend, version: int | None = None
) -> None:
    """Agree on more, or for longer; who, when and what it was before stand in the history.

    Raises:
        InvalidError: A quantity is none, or nothing changes.
        Veto: It would become less, or end sooner.
        StaleVersionError: It changed since the page was shown.
    """
    rows = {row["id"]: row for row in await lines_of(ctx, agreement_id)}
    quantities = read_quantities(ctx, data.quantities or {}, rows)
    changed = {n: each for n, each in quantities.items() if each != rows[n]["quantity"]}
    agreement = await ctx.get(AGREEMENT, agreement_id, "edit")
    is_longer = data.until is not None and data.until != agreement["valid_until"]
    if not changed and not is_longer:
        raise InvalidError(ctx.translate(N_("Nothing was changed. Enter a larger quantity or a "
                                            "later day.")))  # fmt: skip
    if is_longer or version is not None:
        until = data.until if is_longer else agreement["valid_until"]
        await ctx.save(AGREEMENT, agreement_id, version=version, valid_until=until)
    wrong: dict[str, str] = {}
    for number, quantity in changed.items():
        try:
            await ctx.save(LINE, number, quantity=quantity)
        except InvalidError as error:
            wrong[f"quantities.{number}"] = error.problems.get("quantity", error.message)
    if wrong:
        raise InvalidError(ctx.translate(N_("The blanket order was not changed.")), wrong)


async def agreed_inputs(ctx: Context, agreement_id: int) -> list[InputRow]:
    """Answer an input for each line with a quantity, with what is agreed now."""
    return [
        InputRow(str(row["id"]), row["text"], format(plain(row["quantity"]), "f"))
        for row in await lines_of(ctx, agreement_id)
        if row["quantity"] is not None
    ]


def read_quantities(
    ctx: Context, typed: Mapping[str, str], rows: Mapping[int, Row]
) -> dict[int, Decimal]:
    """Answer quantities by the id of their line, as a form or a call sends them.

    Raises:
        InvalidError: A line is none of these, or a quantity is no number of 0 or more.
    """
    found: dict[int, Decimal] = {}
    wrong: dict[str, str] = {}
    for name, text in typed.items():
        if not text.strip():
            continue
        field = f"quantities.{name}"
        if not name.isascii() or not name.isdecimal() or int(name) not in rows:
            wrong[field] = ctx.translate(N_("is no line of this blanket order"))
            continue
        try:
            quantity = Decimal("".join(text.split()).replace(",", "."))
            check_quantity(quantity)
        except (ArithmeticError, RuleError):
            wrong[field] = ctx.translate(N_("is no quantity; enter 0 or more"))
        else:
            found[int(name)] = quantity
    if wrong:
        raise InvalidError(ctx.translate(N_("Some quantities need a correction.")), wrong)
    return found


async def renew_agreement(
    ctx: Context, agreement_id: int, _data: None, _version: int | None = None
) -> str:
    """Make a draft of the same lines that begins when this one ends; answer its address."""
    old = await ctx.get(AGREEMENT, agreement_id)
    shared = ("company", "person", "currency", "note", "owner")
    first, last = old["valid_from"], old["valid_until"]
    values = {name: old[name] for name in shared}
    if last is not None:
        values["valid_from"] = last + timedelta(days=1)
        values["valid_until"] = last + (last - first if first else timedelta(days=365))
    made = await ctx.create(AGREEMENT, **values, team=old["team_id"])
    for place, row in enumerate(await lines_of(ctx, agreement_id), 1):
        names = ("product", "text", "quantity", "unit", "unit_price")
        await ctx.create(LINE, agreement=made, position=place, **{n: row[n] for n in names})
    return f"/orders.agreement/{made}"
