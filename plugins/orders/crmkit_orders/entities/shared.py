"""Labels that several entities use."""

from __future__ import annotations

from crmkit import N_, FieldOptions

NUMBER = FieldOptions(label=N_("No."), derived=True)
STATE = FieldOptions(label=N_("State"))
COMPANY = FieldOptions(label=N_("Company"))
PERSON = FieldOptions(label=N_("Person"))
OPPORTUNITY = FieldOptions(label=N_("Opportunity"), related=False)
CURRENCY = FieldOptions(label=N_("Currency"))
PRODUCT = FieldOptions(label=N_("Product"))
TEXT = FieldOptions(label=N_("Text"), help=N_("What the client reads; empty takes the product's."))
QUANTITY = FieldOptions(label=N_("Quantity"))
UNIT = FieldOptions(label=N_("Unit"))
UNIT_PRICE = FieldOptions(
    label=N_("Price"), help=N_("Of one unit, without tax; empty takes the price that holds.")
)
DISCOUNT = FieldOptions(label=N_("Discount, %"))
TAX_RATE = FieldOptions(label=N_("Tax, %"))
PRICE_RULE = FieldOptions(label=N_("Why this price"), derived=True, said=True)
BY_HAND = FieldOptions(label=N_("Price by hand"), derived=True)
RULE_PRICE = FieldOptions(label=N_("Price by the rules"), derived=True)
NET = FieldOptions(label=N_("Net"), derived=True)
TAX = FieldOptions(label=N_("Tax"), derived=True)
GROSS = FieldOptions(label=N_("Total"), derived=True)
UNMATCHED = FieldOptions(
    label=N_("To be matched"), help=N_("Pasted, and no product was found for it.")
)
POSITION = FieldOptions(label=N_("Position"))
NOTE = FieldOptions(label=N_("Note to the client"))
PREPAYMENT = FieldOptions(
    label=N_("Prepayment, %"), help=N_("Share of the total that is invoiced at acceptance.")
)
HIDDEN = FieldOptions(hidden=True, derived=True)
OWNER = FieldOptions(label=N_("Owner"))
TEAM = FieldOptions(label=N_("Team"))
CREATED = FieldOptions(label=N_("Created at"))
UPDATED = FieldOptions(label=N_("Updated at"))
