"""Orders: quotes, orders, deliveries and receipts, and a promise that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, NotificationKind, Permission, Plugin
from crmkit_orders.catalogue import call_after_product
from crmkit_orders.entities import ENTITIES
from crmkit_orders.guards import keep_documents
from crmkit_orders.happenings import EVENTS
from crmkit_orders.jobs import JOBS
from crmkit_orders.lines import add_up, prepare_line, refuse_removal
from crmkit_orders.numbering import give_number
from crmkit_orders.ordering import check_order, order_moved, order_saved, prepare_order
from crmkit_orders.pages import HANDLERS
from crmkit_orders.papers import PAPERS
from crmkit_orders.quoting import begin_quote, check_quote, quote_moved
from crmkit_orders.receiving import check_receipt, check_receipt_line
from crmkit_orders.repeating import check_plan, note_day
from crmkit_orders.settings import Settings
from crmkit_orders.shipping import (
    check_delivery,
    check_delivery_line,
    delivery_moved,
    keep_direction,
)
from crmkit_orders.steps import check_step, note_step
from crmkit_orders.stock import catalogue_saved, check_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit import DocumentTemplate, Entity, EventType, Job, SaveEvent, TransitionEvent


class Orders(Plugin):
    """From the quote to the goods at the client's door."""

    Settings = Settings

    def entities(self) -> Iterable[Entity]:
        """Contribute documents, their lines and the catalogue."""
        return ENTITIES

    def events(self) -> Iterable[EventType]:
        """Contribute what happens to quotes, orders, steps, deliveries and receipts."""
        return EVENTS

    def permissions(self) -> Iterable[Permission]:
        """Contribute the right to see what is earned."""
        yield Permission("orders.margin", N_("See costs and margins of quotes and orders"))

    def notifications(self) -> Iterable[NotificationKind]:
        """Contribute what people are told of orders."""
        yield NotificationKind("orders.step", N_("Orders that are with me"))
        yield NotificationKind("orders.credit", N_("Clients beyond their credit limit"))
        yield NotificationKind("orders.plan", N_("Recurring orders of mine"))

    def jobs(self) -> Iterable[Job]:
        """Contribute what happens by itself."""
        return JOBS

    def routes(self) -> Iterable[Any]:
        """Contribute the pages clients reach by a link."""
        return HANDLERS

    def documents(self) -> Iterable[DocumentTemplate]:
        """Contribute quotation, confirmation and packing slip."""
        return PAPERS

    async def before_save(self, event: SaveEvent) -> None:
        """Number documents, fill and check their lines."""
        begin_quote(event)
        check_plan(event)
        keep_direction(event)
        await give_number(event)
        await prepare_order(event)
        await prepare_line(event)
        await check_delivery_line(event)
        await check_receipt_line(event)
        await call_after_product(event)
        await check_step(event)
        await check_catalogue(event)

    async def after_save(self, event: SaveEvent) -> None:
        """Add up the document of a line; tell of a promise that moved."""
        await add_up(event)
        await order_saved(event)
        await note_step(event)
        await note_day(event)
        await catalogue_saved(event)

    async def before_delete(self, event: SaveEvent) -> None:
        """Keep lines that were delivered, and those of documents that were sent."""
        await refuse_removal(event)
        await keep_documents(event)

    async def after_delete(self, event: SaveEvent) -> None:
        """Add up the document a line is taken from."""
        await add_up(event)
        await catalogue_saved(event)

    async def before_transition(self, event: TransitionEvent) -> None:
        """Refuse moves that lines, stock or credit do not allow."""
        if event.entity.name == "orders.quote":
            await check_quote(event)
        elif event.entity.name == "orders.order":
            await check_order(event)
        elif event.entity.name == "orders.delivery":
            await check_delivery(event)
        elif event.entity.name == "orders.receipt":
            await check_receipt(event)

    async def after_transition(self, event: TransitionEvent) -> None:
        """Do what follows a move."""
        if event.entity.name == "orders.quote":
            await quote_moved(event)
        elif event.entity.name == "orders.order":
            await order_moved(event)
        elif event.entity.name == "orders.delivery":
            await delivery_moved(event)
