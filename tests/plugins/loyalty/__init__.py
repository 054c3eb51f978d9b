"""Points and tiers for people."""
from enum import Enum

from piccolo.columns import Integer, Varchar

from crmkit import Context, Entity, Event, Extension, ExtField, Panel, Plugin, Record, Reference, SaveEvent, Veto
from crmkit.crm import Person


class Reason(str, Enum):
    PURCHASE = "purchase"
    GIFT = "gift"


class Points(Record, tablename="loyalty_points"):
    person = Reference(Person, on_delete="cascade")
    amount = Integer(required=True)
    reason = Varchar(choices=Reason, default=Reason.GIFT)


async def balance(ctx: Context, person_id: int) -> str:
    total = await ctx.sum(Points.amount, Points.person == person_id)   # with the reader's permissions
    return ctx.render("loyalty/balance.html", total=total)


class Loyalty(Plugin):
    listens = ("crm.person.created",)

    def entities(self):
        yield Entity(Points, "Points", title=Points.reason, icon="star", list=[Points.person, Points.amount, Points.reason], board=Points.reason)

    def extensions(self):
        yield Extension("crm.person", fields=[ExtField("tier", str, choices=("silver", "gold"), listed=True)], panels=[Panel("balance", "Loyalty", balance)])

    async def before_save(self, event: SaveEvent) -> None:
        if event.entity.table is Points and event.values.get("amount") == 0:
            raise Veto("Points must not be zero", amount="must not be zero")

    async def on_event(self, event: Event) -> None:
        await event.ctx.create(Points, person=event.record_id, amount=10)
