"""Pages of clients and what they ordered there; rights are those of the client and the order."""

from __future__ import annotations

from crmkit import N_, Entity, FieldOptions
from crmkit_orders.client_tables import CompanyPage, PersonPage, Reorder
from crmkit_orders.entities import shared

_NAME = FieldOptions(label=N_("Name"), readonly=True)
_LINK = FieldOptions(label=N_("Links given"), derived=True)

COMPANY_PAGES = Entity(
    CompanyPage,
    N_("Pages of companies"),
    singular=N_("Page of a company"),
    title=CompanyPage.name,
    icon="world",
    part_of=CompanyPage.company,
    list=[CompanyPage.name, CompanyPage.company, CompanyPage.link],
    fields={
        CompanyPage.company: FieldOptions(label=N_("Company"), related=False),
        CompanyPage.name: _NAME,
        CompanyPage.link: _LINK,
    },
)

PERSON_PAGES = Entity(
    PersonPage,
    N_("Pages of people"),
    singular=N_("Page of a person"),
    title=PersonPage.name,
    icon="world",
    part_of=PersonPage.person,
    list=[PersonPage.name, PersonPage.person, PersonPage.link],
    fields={
        PersonPage.person: FieldOptions(label=N_("Person"), related=False),
        PersonPage.name: _NAME,
        PersonPage.link: _LINK,
    },
)

REORDERS = Entity(
    Reorder,
    N_("Orders of clients' pages"),
    singular=N_("Order of a client's page"),
    title=Reorder.title,
    icon="repeat",
    part_of=Reorder.order,
    list=[Reorder.title, Reorder.order, Reorder.source, Reorder.note],
    filters=[Reorder.order, Reorder.source],
    fields={
        Reorder.order: FieldOptions(label=N_("Order"), readonly=True, related=False),
        Reorder.source: FieldOptions(label=N_("Ordered again"), readonly=True, related=False),
        Reorder.title: _NAME,
        Reorder.note: FieldOptions(label=N_("What the client wrote"), readonly=True),
        Reorder.created_at: shared.CREATED,
    },
)
