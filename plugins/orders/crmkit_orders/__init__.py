"""Orders: quotes, orders, deliveries and receipts, and a promise that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from crmkit import N_, NavEntry, NotificationKind, Permission, Plugin, hookimpl, read_policy
from crmkit_orders import agreements, answers, days, following, invoicing, personal
from crmkit_orders.board import BOARD, ROUTES
from crmkit_orders.bundles import keep_part
from crmkit_orders.catalogue import call_after_product
from crmkit_orders.credit import check_limit
from crmkit_orders.deadlines import DEADLINES, MISSED, tell_late
from crmkit_orders.demo import write_samples
from crmkit_orders.entities import ENTITIES
from crmkit_orders.explaining import EXPLAINERS
from crmkit_orders.extensions import EXTENSIONS
from crmkit_orders.guards import keep_documents
from crmkit_orders.happenings import EVENTS
from crmkit_orders.jobs import JOBS
from crmkit_orders.lines import add_up, prepare_line, refuse_removal
from crmkit_orders.links import LINKS
from crmkit_orders.metrics import METRICS, WIDGETS
from crmkit_orders.numbering import give_number
from crmkit_orders.ordering import check_order, order_moved, order_saved, prepare_order
from crmkit_orders.pages import HANDLERS
from crmkit_orders.papers import PAPERS
from crmkit_orders.portal_giving import CLIENT_PAGES
from crmkit_orders.portal_pages import PORTAL
from crmkit_orders.promising import line_promised
from crmkit_orders.questions import QUESTIONS
from crmkit_orders.quoting import begin_quote, check_quote, quote_moved
from crmkit_orders.receiving import check_receipt, check_receipt_line
from crmkit_orders.repeating import check_plan, note_day
from crmkit_orders.report import REPORT, report_show
from crmkit_orders.segments import SEGMENTS
from crmkit_orders.settings import MARGIN, Settings
from crmkit_orders.shipping import (
    check_delivery,
    check_delivery_line,
    delivery_moved,
    keep_direction,
)
from crmkit_orders.sold import REPORT as SOLD
from crmkit_orders.sold import sold_show
from crmkit_orders.step_load import minutes_of
from crmkit_orders.step_plans import check_plan_of_steps, name_seeded
from crmkit_orders.steps import check_step, count_steps, pass_steps
from crmkit_orders.stock import catalogue_saved, check_catalogue
from crmkit_orders.winning import WON, follow_won

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from crmkit import (
        CalendarItem,
        DeadlineKind,
        DocumentTemplate,
        Entity,
        Event,
        EventType,
        Extension,
        Job,
        LifeEvent,
        Metric,
        PageEvent,
        PeriodEvent,
        PersonEvent,
        Policy,
        Report,
        SaveEvent,
        TimelineItem,
        TransitionEvent,
        Widget,
    )
    from crmkit_orders.api import (
        AsksLines,
        AsksOutput,
        AsksPeriod,
        AsksSubjects,
        BillableLine,
        Claims,
        DueItem,
        Output,
        Releases,
        Subject,
    )


class Orders(Plugin):
    """From the quote to the goods at the client's door."""

    Settings = Settings
    listens: ClassVar[tuple[str, ...]] = (MISSED, WON, *following.HEARD)
    #: `orders_payment_links` is asked with `portal.PaymentEvent`.
    publishes: ClassVar[Mapping[str, str]] = {"orders_stock": "I", "orders_payment_links": "I"}

    def entities(self) -> Iterable[Entity]:
        """Contribute documents, their lines and the catalogue."""
        return ENTITIES

    def events(self) -> Iterable[EventType]:
        """Contribute what happens to quotes, orders, steps, deliveries and receipts."""
        return EVENTS

    def permissions(self) -> Iterable[Permission]:
        """Contribute the right to see what is earned."""
        yield Permission(MARGIN, N_("See costs and margins of quotes and orders"))

    def policies(self) -> Iterable[Policy]:
        """Contribute who may do what, as `policies.toml` says."""
        yield read_policy(__file__)

    def notifications(self) -> Iterable[NotificationKind]:
        """Contribute what people are told of orders."""
        yield NotificationKind("orders.step", N_("Orders that are with me"))
        yield NotificationKind("orders.quote", N_("Answers to my quotes"))
        yield NotificationKind("orders.client", N_("What clients order or ask on their page"))
        yield NotificationKind("orders.credit", N_("Clients beyond their credit limit"))
        yield NotificationKind(
            "orders.agreement", N_("Blanket orders that end, run out or are exceeded")
        )
        yield NotificationKind("orders.plan", N_("Recurring orders of mine"))
        yield NotificationKind("orders.won", N_("Won opportunities that become orders"))

    def extensions(self) -> Iterable[Extension]:
        """Contribute panels of orders and lines, and what clients and opportunities get."""
        return (*EXTENSIONS, *LINKS, *SEGMENTS, *CLIENT_PAGES)

    def deadlines(self) -> Iterable[DeadlineKind]:
        """Contribute the promise of an order and the due time of a step."""
        return DEADLINES

    def navigation(self) -> Iterable[NavEntry]:
        """Contribute the board of holders."""
        yield NavEntry(
            N_("Who holds what"),
            BOARD,
            icon="users",
            group=N_("Records"),
            permission="orders.order",
        )

    def reports(self) -> Iterable[Report]:
        """Contribute promised against actual, and what was sold."""
        yield from (REPORT, SOLD)

    def metrics(self) -> Iterable[Metric]:
        """Contribute the numbers of orders."""
        return METRICS

    def widgets(self) -> Iterable[Widget]:
        """Contribute figures of the home page."""
        return WIDGETS

    def jobs(self) -> Iterable[Job]:
        """Contribute what happens by itself."""
        return JOBS

    def routes(self) -> Iterable[Any]:
        """Contribute the board, the report, and the pages clients reach by a link."""
        return (
            *HANDLERS, *QUESTIONS, *PORTAL, *ROUTES, *EXPLAINERS, report_show, sold_show,
        )  # fmt: skip

    def documents(self) -> Iterable[DocumentTemplate]:
        """Contribute quotation, confirmation, blanket order and packing slip."""
        return PAPERS

    async def before_save(self, event: SaveEvent) -> None:
        """Number documents, fill and check their lines."""
        begin_quote(event)
        check_plan(event)
        check_limit(event)
        keep_direction(event)
        await give_number(event)
        await prepare_order(event)
        await prepare_line(event)
        await agreements.prepare_agreement(event)
        await agreements.prepare_agreement_line(event)
        await check_delivery_line(event)
        await check_receipt_line(event)
        await call_after_product(event)
        await check_step(event)
        await check_plan_of_steps(event)
        await check_catalogue(event)

    async def after_save(self, event: SaveEvent) -> None:
        """Add up the document of a line; tell of a promise that moved."""
        await add_up(event)
        await order_saved(event)
        await note_day(event)
        await following.receipt_saved(event)
        await following.stock_saved(event)
        await line_promised(event)
        await catalogue_saved(event)
        await agreements.agreement_saved(event)

    async def before_delete(self, event: SaveEvent) -> None:
        """Keep lines that were delivered, and those of documents that were sent."""
        await refuse_removal(event)
        await keep_documents(event)
        await keep_part(event)
        await agreements.keep_agreed(event)

    async def after_delete(self, event: SaveEvent) -> None:
        """Add up the document a line is taken from."""
        await add_up(event)
        await catalogue_saved(event)
        await following.receipt_gone(event)
        await agreements.agreement_saved(event)

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
        elif event.entity.name == "orders.agreement":
            await agreements.check_agreement(event)

    async def after_transition(self, event: TransitionEvent) -> None:
        """Do what follows a move."""
        if event.entity.name == "orders.quote":
            await quote_moved(event)
        elif event.entity.name == "orders.order":
            await order_moved(event)
        elif event.entity.name == "orders.delivery":
            await delivery_moved(event)
        elif event.entity.name == "orders.agreement":
            await agreements.agreement_moved(event)

    async def on_event(self, event: Event) -> None:
        """Say that an order is late, count promises anew, and make orders of what was won."""
        await tell_late(event)
        await following.hear(event)
        await follow_won(event)

    async def handover(self, event: PeriodEvent) -> Mapping[str, int]:
        """Pass the steps somebody holds to who stands in."""
        return await pass_steps(event)

    async def holds(self, event: PeriodEvent) -> Mapping[str, int]:
        """Answer how many steps somebody holds."""
        return await count_steps(event)

    async def load(self, event: PeriodEvent) -> Mapping[date, int]:
        """Answer how long the steps take that somebody holds, by the day they are due."""
        return await minutes_of(event.ctx, event.user_id, event.first, event.last)

    @hookimpl(optionalhook=True)
    async def billing_lines(self, event: AsksLines) -> Sequence[BillableLine]:
        """Answer what may be invoiced of orders."""
        return await invoicing.billable_lines(event)

    @hookimpl(optionalhook=True)
    async def billing_claim(self, event: Claims) -> None:
        """Note what lines of an invoice take."""
        await invoicing.claim_lines(event)

    @hookimpl(optionalhook=True)
    async def billing_release(self, event: Releases) -> None:
        """Give back what lines of an invoice took."""
        await invoicing.release_lines(event)

    @hookimpl(optionalhook=True)
    async def hr_output(self, event: AsksOutput) -> Sequence[Output]:
        """Answer what people sold."""
        return await answers.output_of(event)

    @hookimpl(optionalhook=True)
    async def scheduling_agenda(self, event: AsksPeriod) -> Sequence[DueItem]:
        """Answer the steps that are due for a person."""
        return await answers.due_for(event)

    @hookimpl(optionalhook=True)
    async def timetracking_subjects(self, event: AsksSubjects) -> Sequence[Subject]:
        """Answer the orders that time is booked on."""
        return await answers.subjects_of(event)

    async def install(self, event: LifeEvent) -> None:
        """Call the steps of the plan as the site speaks."""
        await name_seeded(event)

    async def agenda(self, event: PageEvent) -> dict[str, Any]:
        """Answer the steps that are with the reader."""
        return await days.agenda_of(event)

    async def calendar_items(self, event: PageEvent) -> list[CalendarItem]:
        """Answer promises, planned deliveries and expected receipts."""
        return await days.items_between(event)

    async def timeline(self, event: PageEvent) -> list[tuple[datetime, TimelineItem]]:
        """Answer hand-overs and deliveries of an order."""
        return await days.lines_of(event)

    async def personal_data(self, event: PersonEvent) -> Mapping[str, Any] | None:
        """Answer what orders and quotes say of a person."""
        return await personal.held_about(event)

    async def erase_personal_data(self, event: PersonEvent) -> list[str] | None:
        """Empty the texts of a person's orders and quotes."""
        return await personal.erase_about(event)

    async def demo_data(self, event: LifeEvent) -> None:
        """Write a few invented products, quotes and orders."""
        await write_samples(event)
