"""Somebody signed in, and a record of every kind with all that can be sent to it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

    from crmkit.db.engine import Database
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]
    Make = Callable[..., Awaitable[int]]
    SignIn = Callable[[str], Awaitable[tuple[httpx.AsyncClient, int]]]
    Samples = dict[str, int]


#: What records of the core need besides their title.
#: Entities nobody writes by hand: messages are sent and received.
READ_ONLY = frozenset({"core.message"})
NEEDED: dict[str, dict[str, Any]] = {
    "core.user": {"role": "seller"},
    "core.holiday": {"day": date(2026, 12, 1)},
    "core.absence": {"first_day": date(2026, 12, 1)},
}


@pytest.fixture
def sign_in(browse: Browse, db: Database) -> SignIn:
    """Answer a client of a new person with a role, and the person's id."""

    async def start(role: str) -> tuple[httpx.AsyncClient, int]:
        client = await browse(role)
        return client, await db.value("SELECT max(id) FROM core_user")

    return start


def title_of(site: Site, entity: str, text: str) -> dict[str, Any]:
    """Answer the values a record of an entity must have."""
    plan = site.entity(entity)
    return {plan.title: text, **NEEDED.get(entity, {})}


def stands_alone(plan: EntityPlan) -> bool:
    """Say whether a record can be made without another one that it belongs to."""
    fields = plan.fields.values()
    return plan.part_of is None and not any(each.required and each.reference for each in fields)


def required_of(site: Site, entity: str, made: Mapping[str, int]) -> dict[str, Any]:
    """Answer what else a record must have: records it refers to, and numbers of one."""
    plan = site.entity(entity)
    found: dict[str, Any] = {}
    for name, field in plan.fields.items():
        if not field.required or name == plan.title:
            continue
        if field.reference:
            found[name] = made[field.reference]
        elif field.kind in {"decimal", "number", "money"}:
            found[name] = Decimal(1)
        elif field.kind == "choice":
            found[name] = field.choices[0].value
        elif field.kind == "date":
            found[name] = date(2026, 12, 1)
    return found


def _is_plain(site: Site, name: str) -> bool:
    """Say whether rules of a plugin allow a record of required values alone."""
    return not name.startswith("orders.") or stands_alone(site.entity(name))


@pytest.fixture
async def samples(site: Site, make: Make) -> Samples:
    """One record of each entity: entity to id."""
    made: Samples = {}
    for name in site.entities:
        if name in READ_ONLY:
            continue
        owner = {"owner": made["core.user"]} if name == "core.absence" else {}
        more = required_of(site, name, made)
        if name in READ_ONLY or not _is_plain(site, name):
            continue  # rules of their own; their doors are those of their document
        made[name] = await make(name, **{**more, **title_of(site, name, "Sample"), **owner})
    return made
