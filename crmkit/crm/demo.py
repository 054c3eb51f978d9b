"""A few invented clients, to try things out with; made and undone as one operation."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from crmkit.crm.tables import Activity, Company, Lead, Opportunity, Person

if TYPE_CHECKING:
    from crmkit import Context, LifeEvent


class _Deal(NamedTuple):
    """An opportunity with its next step; days are counted from today."""

    name: str
    stage: str
    amount: str
    closes: int
    step: str
    kind: str
    due: int


class _Client(NamedTuple):
    company: dict[str, str]
    person: dict[str, str]
    deals: tuple[_Deal, ...]


_CLIENTS = (
    _Client(
        {"name": "Brightwater Dental (sample)", "sector": "medical", "city": "Leeds"},
        {"name": "Imogen Hale (sample)", "job_title": "Practice manager",
         "email": "imogen.hale@brightwater.example"},
        (
            _Deal("Reception chairs", "engaging", "4200", 12, "Send the second offer", "task", 0),
            _Deal("Treatment room lighting", "prospecting", "9800", 40, "Ask for the plans",
                  "call", 2),
        ),
    ),
    _Client(
        {"name": "Pinehollow Logistics (sample)", "sector": "transport", "city": "Bremen"},
        {"name": "Jonas Krull (sample)", "job_title": "Head of purchasing",
         "email": "jonas.krull@pinehollow.example"},
        (_Deal("Warehouse scanners", "proposal", "26700", 6, "Call before Friday", "call", -1),),
    ),
    _Client(
        {"name": "Marlow & Finch (sample)", "sector": "retail", "city": "Bristol"},
        {"name": "Priya Nair (sample)", "job_title": "Owner",
         "email": "priya@marlowfinch.example"},
        (_Deal("Autumn window", "negotiation", "3100", 3, "Agree on the date", "meeting", 1),),
    ),
)  # fmt: skip
_LEADS = (
    {"name": "Tomas Berg (sample)", "company_name": "Bergs Cykel", "source": "fair"},
    {"name": "Olga Sidorova (sample)", "company_name": "Sever Print", "source": "website"},
)


async def write_samples(event: LifeEvent) -> None:
    """Write companies, people, opportunities with their next steps, and leads."""
    ctx = event.ctx
    for client in _CLIENTS:
        company = await ctx.create(Company, owner=ctx.user_id, source="sample", **client.company)
        person = await ctx.create(
            Person, owner=ctx.user_id, source="sample", company=company, **client.person
        )
        for deal in client.deals:
            await _write_deal(ctx, deal, company, person)
    for lead in _LEADS:
        await ctx.create(Lead, owner=ctx.user_id, **lead)


async def _write_deal(ctx: Context, deal: _Deal, company: int, person: int) -> None:
    today = ctx.now().astimezone(ctx.time_zone).date()
    opportunity = await ctx.create(
        Opportunity,
        name=deal.name,
        stage=deal.stage,
        amount=Decimal(deal.amount),
        close_date=today + timedelta(days=deal.closes),
        company=company,
        person=person,
        owner=ctx.user_id,
    )
    due = datetime.combine(today + timedelta(days=deal.due), time(10), ctx.time_zone)
    await ctx.create(
        Activity,
        subject=deal.step,
        kind=deal.kind,
        due_at=due.astimezone(UTC),
        company=company,
        person=person,
        opportunity=opportunity,
        owner=ctx.user_id,
    )
