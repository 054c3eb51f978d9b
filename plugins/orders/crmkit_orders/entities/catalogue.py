"""What is sold and for how much."""

from __future__ import annotations

from crmkit import N_, Action, Entity, FieldOptions, Group, Parts
from crmkit_orders.entities.shared import CREATED, CURRENCY, OWNER, POSITION, PRODUCT, TEAM, UPDATED
from crmkit_orders.settings import MARGIN
from crmkit_orders.stock import CountStock, count_stock
from crmkit_orders.tables import BundlePart, Cost, Price, PriceList, Product

_NAME = FieldOptions(label=N_("Name"))
_TEXT = FieldOptions(label=N_("Text"), readonly=True)
_FROM = FieldOptions(label=N_("Valid from"))
_UNTIL = FieldOptions(label=N_("Valid until"))
_QUANTITY = FieldOptions(label=N_("Quantity"))

PRODUCTS = Entity(
    Product,
    N_("Products"),
    singular=N_("Product"),
    title=Product.name,
    icon="package",
    shared=True,
    list=[
        Product.name,
        Product.code,
        Product.kind,
        Product.price,
        Product.unit,
        Product.on_hand,
        Product.reserved,
    ],
    filters=[Product.kind, Product.code, Product.variant_of, Product.is_active, Product.is_stocked],
    search=[Product.code, Product.variant],
    subtitle=[Product.code, Product.variant],
    facts=[Product.price, Product.unit, Product.on_hand, Product.reserved],
    form=[
        Group(N_("Product"), [Product.name, Product.code, Product.kind, Product.unit]),
        Group(N_("Price"), [Product.price, Product.currency, Product.tax_rate]),
        Group(N_("Variant"), [Product.variant_of, Product.variant]),
        Group(
            N_("Stock"),
            [Product.is_stocked, Product.may_go_negative],
        ),
        Group(N_("Description"), [Product.description, Product.is_active]),
        Group(N_("Who works on it"), [Product.owner, Product.team]),
    ],
    parts=[
        Parts(
            BundlePart.bundle,
            N_("Parts of the bundle"),
            columns=[BundlePart.product, BundlePart.quantity],
            order=BundlePart.position,
            locked=lambda _ctx, record: (
                "" if record["kind"] == "bundle" else N_("Only a bundle has parts.")
            ),
        )
    ],
    actions=[
        Action(
            "count",
            N_("Count stock"),
            count_stock,
            input=CountStock,
            icon="calculator",
            bulk=False,
            undoable=False,
            visible=lambda _ctx, record: bool(record["is_stocked"]),
            labels={"on_hand": N_("Counted"), "reason": N_("Reason")},
            done=N_("Stock counted"),
        )
    ],
    fields={
        Product.name: _NAME,
        Product.code: FieldOptions(
            label=N_("Code"), help=N_("Article number; no two products have the same.")
        ),
        Product.kind: FieldOptions(label=N_("Kind")),
        Product.unit: FieldOptions(label=N_("Unit"), help=N_("UN/ECE code of what is counted.")),
        Product.price: FieldOptions(label=N_("List price"), help=N_("Of one unit, without tax.")),
        Product.currency: CURRENCY,
        Product.tax_rate: FieldOptions(label=N_("Tax, %")),
        Product.variant_of: FieldOptions(label=N_("Variant of")),
        Product.variant: FieldOptions(label=N_("Variant"), help=N_("Such as red, 42 or 1U.")),
        Product.description: FieldOptions(label=N_("Description")),
        Product.is_active: FieldOptions(label=N_("Is sold")),
        Product.is_stocked: FieldOptions(
            label=N_("Is counted"), help=N_("What is on hand is counted and reserved by orders.")
        ),
        Product.may_go_negative: FieldOptions(
            label=N_("May be promised without stock"),
            help=N_("Orders may reserve more than is on hand."),
        ),
        Product.on_hand: FieldOptions(label=N_("On hand"), derived=True),
        Product.counted: FieldOptions(label=N_("Counted"), readonly=True),
        Product.counted_at: FieldOptions(label=N_("Counted at"), readonly=True),
        Product.count_reason: FieldOptions(label=N_("Why it was counted"), readonly=True),
        Product.reserved: FieldOptions(label=N_("Reserved"), derived=True),
        Product.owner: OWNER,
        Product.team: TEAM,
        Product.created_at: CREATED,
        Product.updated_at: UPDATED,
    },
)

COSTS = Entity(
    Cost,
    N_("Costs"),
    singular=N_("Cost"),
    title=Cost.text,
    icon="coins",
    permission=MARGIN,
    in_menu=False,
    list=[Cost.text, Cost.product, Cost.amount, Cost.note],
    filters=[Cost.product],
    form=[Cost.product, Cost.amount, Cost.note],
    fields={
        Cost.product: PRODUCT,
        Cost.amount: FieldOptions(label=N_("Cost"), help=N_("Of one unit, without tax.")),
        Cost.note: FieldOptions(label=N_("What it consists of")),
        Cost.text: _TEXT,
    },
)

BUNDLE_PARTS = Entity(
    BundlePart,
    N_("Parts of bundles"),
    singular=N_("Part of a bundle"),
    title=BundlePart.text,
    icon="packages",
    part_of=BundlePart.bundle,
    list=[BundlePart.product, BundlePart.quantity],
    filters=[BundlePart.bundle, BundlePart.product],
    fields={
        BundlePart.bundle: FieldOptions(label=N_("Bundle")),
        BundlePart.product: PRODUCT,
        BundlePart.quantity: _QUANTITY,
        BundlePart.position: POSITION,
        BundlePart.text: _TEXT,
    },
)

PRICE_LISTS = Entity(
    PriceList,
    N_("Price lists"),
    singular=N_("Price list"),
    title=PriceList.name,
    icon="tag",
    shared=True,
    list=[
        PriceList.name,
        PriceList.currency,
        PriceList.company,
        PriceList.sector,
        PriceList.valid_from,
        PriceList.valid_until,
    ],
    filters=[PriceList.company, PriceList.sector, PriceList.valid_until, PriceList.is_active],
    form=[
        Group(N_("Price list"), [PriceList.name, PriceList.currency, PriceList.is_active]),
        Group(N_("For whom"), [PriceList.company, PriceList.sector]),
        Group(N_("When"), [PriceList.valid_from, PriceList.valid_until]),
    ],
    parts=[
        Parts(
            Price.price_list,
            N_("Prices"),
            columns=[
                Price.product,
                Price.min_quantity,
                Price.price,
                Price.discount,
                Price.valid_from,
                Price.valid_until,
            ],
            order=Price.position,
        )
    ],
    fields={
        PriceList.name: _NAME,
        PriceList.currency: CURRENCY,
        PriceList.company: FieldOptions(
            label=N_("Client"), help=N_("Empty holds for every client.")
        ),
        PriceList.sector: FieldOptions(
            label=N_("Sector"), help=N_("Holds for companies of this sector only.")
        ),
        PriceList.valid_from: _FROM,
        PriceList.valid_until: _UNTIL,
        PriceList.is_active: FieldOptions(label=N_("In use")),
        PriceList.created_at: CREATED,
        PriceList.updated_at: UPDATED,
    },
)

PRICES = Entity(
    Price,
    N_("Prices"),
    singular=N_("Price"),
    title=Price.text,
    icon="tag",
    part_of=Price.price_list,
    list=[Price.product, Price.min_quantity, Price.price, Price.discount],
    filters=[Price.price_list, Price.product],
    fields={
        Price.price_list: FieldOptions(label=N_("Price list")),
        Price.product: PRODUCT,
        Price.min_quantity: FieldOptions(label=N_("From quantity")),
        Price.price: FieldOptions(label=N_("Price")),
        Price.discount: FieldOptions(label=N_("Discount, %")),
        Price.valid_from: _FROM,
        Price.valid_until: _UNTIL,
        Price.position: POSITION,
        Price.text: _TEXT,
    },
)
