"""Why a price holds, for whoever asks: a page beside each product, and a question of the API."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from crmkit import (
    N_,
    Extension,
    InvalidError,
    NotFoundError,
    Panel,
    Request,
    Response,
    _,
    answer,
    context_of,
    find_currency_places,
    format_number,
    get,
    read_number,
)
from crmkit_orders.asking import Question
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.money import check_quantity
from crmkit_orders.pricing import explain, price_of
from crmkit_orders.tables import UNIT_CHOICES
from crmkit_orders.told import plain, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

URL, API_URL = "/orders/price", "/api/v1/orders/price"
_DIGITS = 18
_UNITS = frozenset(each.value for each in UNIT_CHOICES)
_ASKED = ("product", "company", "quantity", "unit", "currency")


class Explained(NamedTuple):
    """A price with what was looked at; `price` is None where nothing gives one."""

    product: Mapping[str, Any]
    company: Mapping[str, Any] | None
    quantity: Decimal
    unit: str
    currency: str
    price: Decimal | None
    steps: list[str]
    #: Place among the steps of the one that was taken, from 0.
    taken: int | None


async def explain_price(ctx: Context, asked: Mapping[str, str]) -> Explained:
    """Answer what a product costs today, and why.

    Args:
        asked: `product` is an id; `company` an id or the name of one, empty is nobody in
            particular; `quantity` 1 when empty; `unit` a UN/ECE code and `currency` an ISO 4217
            code, those of the product when empty.

    Raises:
        NotFoundError: The reader sees no such product.
        InvalidError: Something does not fit; names it.
    """
    problems: dict[str, str] = {}
    number = asked.get("product", "")
    if not _is_id(number):
        raise NotFoundError(_("There is no such product."))
    product = await ctx.get("orders.product", int(number))
    company = await _company(ctx, asked.get("company", "").strip(), problems)
    quantity = _quantity(ctx, asked.get("quantity", "").strip(), problems)
    unit = asked.get("unit", "").strip() or str(product["unit"])
    if unit not in _UNITS:
        problems["unit"] = _("is no unit; use a UN/ECE code such as C62")
    currency = asked.get("currency", "").strip().upper()
    currency = currency or str(product["currency"] or ctx.config.currency)
    if find_currency_places(currency) is None:
        problems["currency"] = _("is no currency; use a code such as EUR")
    if problems:
        raise InvalidError(_("The price cannot be looked up like that."), problems)
    document = {"company": company["id"] if company else None, "currency": currency}
    try:
        found = await price_of(ctx, product, document, quantity, unit)
    except RuleError as error:
        raise InvalidError(told(ctx, error), {"unit": told(ctx, error)}) from error
    taken = None
    if found is not None:
        taken = next(place for place, step in enumerate(found.steps) if step.is_taken)
    return Explained(
        product, company, quantity, unit, currency,
        found.unit_price if found is not None else None,
        explain(ctx, found) if found is not None else [], taken,
    )  # fmt: skip


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) <= _DIGITS


async def _company(ctx: Context, text: str, problems: dict[str, str]) -> Mapping[str, Any] | None:
    """Answer the client that an id or a name names, as far as the reader may see it."""
    if not text:
        return None
    question = Question(ctx)
    where = "lower(t.name) = lower({}::text)"
    value: object = text
    if _is_id(text):
        where, value = "t.id = {}::bigint", int(text)
    rows = await question.rows(
        f"SELECT t.id, t.name FROM crm_company t WHERE {where.format(question.add(value))} "  # noqa: S608
        f"AND {question.may('crm.company')} ORDER BY t.id LIMIT 2"
    )
    if len(rows) != 1:
        problems["company"] = _("names no client, or several; write the full name of one")
        return None
    return rows[0]


def _quantity(ctx: Context, text: str, problems: dict[str, str]) -> Decimal:
    quantity = Decimal(1)
    try:
        quantity = read_number(ctx, text) if text.strip() else quantity
        check_quantity(quantity)
    except InvalidError as error:
        problems["quantity"] = error.message
    except RuleError as error:
        problems["quantity"] = told(ctx, error)
    return quantity


@get(URL, policy="orders.product.read")
async def price_show(request: Request[Any, Any, Any]) -> Response[str]:
    """Show why a product costs what it does, for a client and a quantity."""
    ctx = context_of(request)
    asked = {name: request.query_params.get(name, "")[:200] for name in _ASKED}
    found, problems, status = None, {}, 200
    try:
        found = await explain_price(ctx, asked)
        product: Mapping[str, Any] = found.product
    except InvalidError as error:
        product = await ctx.get("orders.product", int(asked["product"]))
        problems, status = error.problems, 422
    price = ""
    if found is not None and found.price is not None:
        price = f"{format_number(ctx, plain(found.price))} {found.currency}"
    return answer(
        request, "orders/explained.html", title=_("Why this price"), status=status, url=URL,
        back=f"/orders.product/{product['id']}",
        asked=asked, problems=problems, price=price, product=product,
        steps=found.steps if found else [], is_asked=found is not None,
        taken=found.taken if found else None,
        who=found.company["name"] if found and found.company else _("Everybody"),
        count=format_number(ctx, plain(found.quantity)) if found else "",
    )  # fmt: skip


@get(API_URL, policy="orders.product.read")
async def api_price_show(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Show the price of a product and each rule that was looked at, by API."""
    ctx = context_of(request)
    asked = {name: str(value)[:200] for name, value in request.query_params.items()}
    if unknown := sorted(set(asked) - set(_ASKED)):
        raise InvalidError(
            _("The price cannot be looked up like that."),
            dict.fromkeys(unknown, _("is not known here")),
        )
    found = await explain_price(ctx, asked)
    return Response(
        {
            "product": found.product["id"],
            "company": found.company["id"] if found.company else None,
            "quantity": format(plain(found.quantity), "f"),
            "unit": found.unit,
            "currency": found.currency,
            "unit_price": None if found.price is None else format(plain(found.price), "f"),
            "steps": [
                {"text": text, "taken": place == found.taken}
                for place, text in enumerate(found.steps)
            ],
        }
    )


async def product_panel(ctx: Context, product: int) -> object:
    """Answer what a product costs today for everybody, and where to ask for one client."""
    found = await explain_price(ctx, {"product": str(product)})
    price = ""
    if found.price is not None:
        price = f"{format_number(ctx, plain(found.price))} {found.currency}"
    return ctx.render(
        "orders/price_of_product.html", price=price, steps=found.steps,
        url=f"{URL}?{urlencode({'product': product})}",
    )  # fmt: skip


EXPLAINERS = (price_show, api_price_show)
PANELS = (
    Extension(
        "orders.product", panels=[Panel("price", N_("Why this price"), product_panel, order=10)]
    ),
)
