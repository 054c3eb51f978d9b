"""Tables of what clients are given and what comes from them, beside the documents themselves."""

from __future__ import annotations

from crmkit import Record
from crmkit.model.columns import Name, Number, Reference, Text


class CompanyPage(Record, tablename="orders_company_page"):
    """The page of a company; `link` is counted up to end all links given so far."""

    company = Reference("crm_company", on_delete="cascade", unique=True, required=True)
    name = Name(length=200)
    link = Number(default=1)


class PersonPage(Record, tablename="orders_person_page"):
    """The page of a person, as that of a company."""

    person = Reference("crm_person", on_delete="cascade", unique=True, required=True)
    name = Name(length=200)
    link = Number(default=1)


class Reorder(Record, tablename="orders_reorder"):
    """A draft that a client made of an earlier order, and what he wrote with it."""

    order = Reference("orders_order", on_delete="cascade", unique=True, required=True)
    source = Reference("orders_order")
    title = Name(length=200)
    note = Text()
