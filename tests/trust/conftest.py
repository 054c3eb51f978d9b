"""Somebody signed in, and a record of every kind with all that can be sent to it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
    "core.mail_template": {"language": "en", "body": "x"},
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


@pytest.fixture
async def samples(site: Site, make: Make) -> Samples:
    """One record of each entity of the core: entity to id."""
    made: Samples = {}
    for name, plan in site.entities.items():
        if name in READ_ONLY or plan.plugin != "core":
            continue
        owner = {"owner": made["core.user"]} if name == "core.absence" else {}
        made[name] = await make(name, **title_of(site, name, "Sample"), **owner)
    return made
