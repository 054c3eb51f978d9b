"""Tables of the built-in plugin: who one sells to, what is being sold, what is to be done."""

from __future__ import annotations

from crmkit import N_, Choice, Record
from crmkit.model.columns import (
    Currency,
    Date,
    Email,
    Line,
    Markdown,
    Measure,
    Moment,
    Money,
    Name,
    Number,
    Phone,
    Pick,
    Reference,
    Url,
    Year,
)

LOST_REASONS = (
    Choice("price", N_("Price")),
    Choice("competitor", N_("Competitor")),
    Choice("no_budget", N_("No budget")),
    Choice("no_decision", N_("No decision")),
    Choice("unknown", N_("Unknown")),
)
DISQUALIFIED_REASONS = (
    Choice("no_need", N_("No need")),
    Choice("no_budget", N_("No budget")),
    Choice("no_answer", N_("No answer")),
    Choice("duplicate", N_("Duplicate")),
    Choice("unknown", N_("Unknown")),
)
KINDS = (
    Choice("call", N_("Call"), 3),
    Choice("meeting", N_("Meeting"), 5),
    Choice("task", N_("Task"), 1),
    Choice("note", N_("Note"), 8),
)
DIRECTIONS = (
    Choice("in", N_("Incoming")),
    Choice("out", N_("Outgoing")),
    Choice("none", N_("Without direction")),
)
SCOPES = (Choice("internal", N_("Internal")), Choice("external", N_("With the client")))


class Company(Record, tablename="crm_company"):
    """An organisation one sells to; `revenue` in millions of the site's currency a year."""

    name = Name(length=200, required=True)
    sector = Line(length=120)
    website = Url(length=300)
    phone = Phone(length=60)
    email = Email(length=254)
    city = Line(length=120)
    country = Line(length=120)
    address = Line(length=300)
    founded = Year()
    employees = Number()
    revenue = Measure(digits=(18, 4))
    parent = Reference("crm_company")
    source = Line(length=120)
    notes = Markdown()


class Person(Record, tablename="crm_person"):
    """Somebody at a company, or on their own."""

    name = Name(length=200, required=True)
    job_title = Line(length=200)
    company = Reference("crm_company")
    email = Email(length=254)
    phone = Phone(length=60)
    city = Line(length=120)
    language = Line(length=60)
    referred_by = Reference("crm_person")
    source = Line(length=120)
    notes = Markdown()


class Lead(Record, tablename="crm_lead"):
    """Interest that is not yet a client: names as typed; linked to what it was converted to."""

    name = Name(length=200, required=True)
    company_name = Line(length=200)
    email = Email(length=254)
    phone = Phone(length=60)
    source = Line(length=120)
    state = Line(length=64, default="new")
    reason = Pick(DISQUALIFIED_REASONS)
    person = Reference("crm_person")
    opportunity = Reference("crm_opportunity")
    notes = Markdown()


class Opportunity(Record, tablename="crm_opportunity"):
    """A deal on its way; `probability` in percent."""

    name = Name(length=200, required=True)
    company = Reference("crm_company")
    person = Reference("crm_person")
    stage = Line(length=64, default="prospecting")
    amount = Money()
    currency = Currency()
    engage_date = Date()
    close_date = Date()
    probability = Number()
    lost_reason = Pick(LOST_REASONS)
    notes = Markdown()


class Activity(Record, tablename="crm_activity"):
    """Something done or to be done; open while `done_at` is empty, `minutes` is its length."""

    subject = Name(length=300, required=True)
    kind = Pick(KINDS, default="task")
    body = Markdown()
    due_at = Moment()
    done_at = Moment()
    direction = Pick(DIRECTIONS, default="none")
    scope = Pick(SCOPES, default="external")
    company = Reference("crm_company")
    person = Reference("crm_person")
    lead = Reference("crm_lead")
    opportunity = Reference("crm_opportunity")
    minutes = Number()
    outcome = Line(length=300)
