"""What a company decides of its orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from crmkit import N_

if TYPE_CHECKING:
    from crmkit import Context

#: Permission to see costs and margins.
MARGIN = "orders.margin"
#: What people read of the choices below.
CHOICES = (
    N_("Refuse"), N_("Warn"), N_("Block"), N_("Ordered"), N_("Delivered"), N_("Off"), N_("Offer"),
    N_("Make"),
)  # fmt: skip
_MOST_HOURS = 10_000
_MOST_DAYS = 3650


class Settings(msgspec.Struct, frozen=True):
    """Promise, steps, limits and what clients see.

    Attributes:
        promise_hours: Business hours from confirmation to the promised moment.
        warn_hours: Business hours before it at which its holder is warned; 0 warns nobody.
        valid_days: Days a new quote is valid for.
        discount_limit: Percent a line may be discounted without a second person; 100 is any.
        discount_limits: The same for some roles, by their name.
        credit_limit: Open value in the site's currency above which a client's order is `credit`;
            0 sets none. A company's own limit counts instead where it has one.
        credit: Whether an order beyond the limit is told of or refused without a reason.
        tolerance: Percent by which deliveries may exceed what was ordered.
        invoice_by: Whether what was ordered or what was delivered may be invoiced.
        quiet_minutes: A promise that the rule would move by less stays as it is.
        over_call: Whether more than was agreed is refused when an order is confirmed, or told of.
        agreement_days: Days before the end of a blanket order at which its owner is told; 0 never.
        agreement_percent: Percent left of a line at which its owner is told; 0 never.
        when_won: What a won opportunity does: nothing, a notice to its owner, or a draft order.
        clients_see_prices: Prices stand on the status page of clients.
        clients_see_staff: Names of who holds the order stand there.
    """

    promise_hours: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=_MOST_HOURS, title=N_("Promise, business hours"),
            description=N_("A new order is promised for so many open hours after it."),
        ),
    ] = 24  # fmt: skip
    quiet_minutes: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=_MOST_HOURS, title=N_("A promise moves by at least, minutes"),
            description=N_("What moves less is not told to the client and stays as it is."),
        ),
    ] = 60  # fmt: skip
    warn_hours: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=_MOST_HOURS, title=N_("Warning, business hours before"),
            description=N_("Who holds the order is warned then; 0 warns nobody."),
        ),
    ] = 4  # fmt: skip
    valid_days: Annotated[
        int, msgspec.Meta(ge=1, le=_MOST_DAYS, title=N_("Days a quote is valid"))
    ] = 30
    discount_limit: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=100, title=N_("Discount without a second person, %"),
            description=N_(
                "A larger one needs somebody else. A price below the one that holds is one, too."
            ),
        ),
    ] = 100  # fmt: skip
    discount_limits: Annotated[
        dict[str, Annotated[int, msgspec.Meta(ge=0, le=100)]],
        msgspec.Meta(
            title=N_("Discount without a second person by role, %"), extra={"by": "role"},
            description=N_("Empty takes the general one."),
        ),
    ] = msgspec.field(default_factory=dict)  # fmt: skip
    credit_limit: Annotated[
        int,
        msgspec.Meta(
            ge=0, title=N_("Credit limit of clients"),
            description=N_("Value of open orders, in the site's currency; 0 sets none."),
        ),
    ] = 0  # fmt: skip
    credit: Annotated[
        Literal["warn", "block"],
        msgspec.Meta(
            title=N_("An order beyond the limit"),
            extra={
                "labels": {
                    "warn": N_("Is confirmed, and its owner is told"),
                    "block": N_("Is refused until a reason is given"),
                }
            },
        ),
    ] = "warn"
    tolerance: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=100, title=N_("Deliveries may exceed the order by, %"),
        ),
    ] = 0  # fmt: skip
    invoice_by: Annotated[
        Literal["ordered", "delivered"],
        msgspec.Meta(
            title=N_("What may be invoiced"),
            extra={
                "labels": {
                    "ordered": N_("What was ordered"),
                    "delivered": N_("What was delivered"),
                }
            },
        ),
    ] = "ordered"
    over_call: Annotated[
        Literal["refuse", "warn"],
        msgspec.Meta(
            title=N_("More than a blanket order has left"),
            description=N_("Refused when the order is confirmed, or told to the owners."),
        ),
    ] = "refuse"  # fmt: skip
    agreement_days: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=_MOST_DAYS, title=N_("A blanket order ends: told so many days before"),
            description=N_("Its owner is told once; 0 tells nobody."),
        ),
    ] = 14  # fmt: skip
    agreement_percent: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=100, title=N_("Little is left of a blanket order: told at, %"),
            description=N_("Of the agreed quantity of a line; 0 tells nobody."),
        ),
    ] = 10  # fmt: skip
    when_won: Annotated[
        Literal["off", "offer", "make"],
        msgspec.Meta(
            title=N_("A won opportunity"),
            extra={
                "labels": {
                    "off": N_("Makes nothing"),
                    "offer": N_("Tells its owner, who makes an order with one click"),
                    "make": N_("Makes a draft order"),
                }
            },
        ),
    ] = "offer"
    clients_see_prices: Annotated[
        bool, msgspec.Meta(title=N_("Clients see prices on the status page"))
    ] = False
    clients_see_staff: Annotated[
        bool, msgspec.Meta(title=N_("Clients see who holds their order"))
    ] = False


def discount_limit(ctx: Context) -> int:
    """Answer the percent that whoever acts may give alone: that of the role, else the general one.

    What the site does by itself has no role of its own.
    """
    settings = ctx.settings(Settings)
    if ctx.user_id is None:
        return settings.discount_limit
    return settings.discount_limits.get(ctx.principal.role.name, settings.discount_limit)
