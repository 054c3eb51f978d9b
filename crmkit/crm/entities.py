"""How people meet the tables: lists, forms, filters, lifecycles."""

from __future__ import annotations

from crmkit import (
    N_,
    Action,
    CallLog,
    Entity,
    FieldOptions,
    Group,
    Lifecycle,
    State,
    StepKind,
    Steps,
)
from crmkit.crm.convert import ConvertLead, convert_lead
from crmkit.crm.rules import needs_approval
from crmkit.crm.tables import Activity, Company, Lead, Opportunity, Person

_EMAIL = FieldOptions(label=N_("E-mail"))
_PHONE = FieldOptions(label=N_("Phone"))
_SOURCE = FieldOptions(label=N_("Source"), help=N_("Where the contact came from."))
_NOTES = FieldOptions(label=N_("Notes"))
_NAME = FieldOptions(label=N_("Name"))
_FULL_NAME = FieldOptions(label=N_("Full name"))
_CITY = FieldOptions(label=N_("City"))
_COMPANY = FieldOptions(label=N_("Company"))
_PERSON = FieldOptions(label=N_("Person"))
_OWNER = FieldOptions(label=N_("Owner"))
_TEAM = FieldOptions(label=N_("Team"))
_CREATED = FieldOptions(label=N_("Created at"))
_UPDATED = FieldOptions(label=N_("Updated at"))

COMPANIES = Entity(
    Company,
    N_("Companies"),
    singular=N_("Company"),
    title=Company.name,
    icon="building",
    list=[Company.name, Company.sector, Company.city, Company.revenue, Company.owner],
    filters=[Company.sector, Company.country, Company.city, Company.parent, Company.owner],
    search=[Company.email, Company.phone, Company.website, Company.city],
    subtitle=[Company.sector, Company.city, Company.country],
    facts=[Company.parent, Company.revenue, Company.employees, Company.phone, Company.owner],
    form=[
        Group(N_("Company"), [Company.name, Company.sector, Company.parent, Company.source]),
        Group(N_("Contact"), [Company.website, Company.phone, Company.email]),
        Group(N_("Address"), [Company.address, Company.city, Company.country]),
        Group(N_("Size"), [Company.founded, Company.employees, Company.revenue]),
        Group(N_("Who works on it"), [Company.owner, Company.team]),
        Group(N_("Notes"), [Company.notes]),
    ],
    fields={
        Company.name: _NAME,
        Company.sector: FieldOptions(label=N_("Sector")),
        Company.website: FieldOptions(label=N_("Website")),
        Company.phone: _PHONE,
        Company.email: _EMAIL,
        Company.city: _CITY,
        Company.country: FieldOptions(label=N_("Country")),
        Company.address: FieldOptions(label=N_("Address")),
        Company.founded: FieldOptions(label=N_("Founded in")),
        Company.employees: FieldOptions(label=N_("Employees")),
        Company.revenue: FieldOptions(
            label=N_("Revenue, millions"),
            help=N_("A year, in millions of the site's currency."),
        ),
        Company.parent: FieldOptions(label=N_("Parent company")),
        Company.source: _SOURCE,
        Company.notes: _NOTES,
        Company.owner: _OWNER,
        Company.team: _TEAM,
        Company.created_at: _CREATED,
        Company.updated_at: _UPDATED,
    },
)

PEOPLE = Entity(
    Person,
    N_("People"),
    singular=N_("Person"),
    title=Person.name,
    icon="users",
    person=True,
    list=[Person.name, Person.job_title, Person.company, Person.email, Person.phone, Person.owner],
    filters=[Person.company, Person.city, Person.source, Person.referred_by, Person.owner],
    search=[Person.email, Person.phone, Person.job_title, Person.city],
    subtitle=[Person.job_title, Person.company, Person.city],
    facts=[Person.company, Person.email, Person.phone, Person.owner],
    form=[
        Group(N_("Person"), [Person.name, Person.job_title, Person.company]),
        Group(N_("Contact"), [Person.email, Person.phone, Person.city, Person.language]),
        Group(N_("Origin"), [Person.source, Person.referred_by]),
        Group(N_("Who works on it"), [Person.owner, Person.team]),
        Group(N_("Notes"), [Person.notes]),
    ],
    fields={
        Person.name: _FULL_NAME,
        Person.job_title: FieldOptions(label=N_("Job title")),
        Person.company: _COMPANY,
        Person.email: _EMAIL,
        Person.phone: _PHONE,
        Person.city: _CITY,
        Person.language: FieldOptions(label=N_("Language")),
        Person.referred_by: FieldOptions(label=N_("Referred by")),
        Person.source: _SOURCE,
        Person.notes: _NOTES,
        Person.owner: _OWNER,
        Person.team: _TEAM,
        Person.created_at: _CREATED,
        Person.updated_at: _UPDATED,
    },
)

LEAD_STATES = Lifecycle(
    "state",
    (
        State("new", N_("New"), hue=1),
        State("working", N_("In work"), hue=2),
        State("qualified", N_("Qualified"), hue=7),
        State("converted", N_("Converted"), "won", 100, 3),
        State("disqualified", N_("Disqualified"), "lost", 0, 8),
    ),
    moves={
        "new": ("working", "qualified", "disqualified"),
        "working": ("new", "qualified", "disqualified"),
        "qualified": ("working", "converted", "disqualified"),
        "disqualified": ("new", "working"),
    },
    requires={"disqualified": ("reason",), "converted": ("person",)},
)

LEADS = Entity(
    Lead,
    N_("Leads"),
    singular=N_("Lead"),
    title=Lead.name,
    icon="user-plus",
    person=True,
    list=[Lead.name, Lead.company_name, Lead.state, Lead.source, Lead.email, Lead.owner],
    filters=[Lead.state, Lead.source, Lead.reason, Lead.owner],
    search=[Lead.company_name, Lead.email, Lead.phone],
    subtitle=[Lead.company_name, Lead.source],
    facts=[Lead.email, Lead.phone, Lead.owner],
    form=[
        Group(N_("Lead"), [Lead.name, Lead.company_name, Lead.source]),
        Group(N_("Contact"), [Lead.email, Lead.phone]),
        Group(N_("Progress"), [Lead.state, Lead.reason, Lead.owner, Lead.team]),
        Group(N_("Converted to"), [Lead.person, Lead.opportunity]),
        Group(N_("Notes"), [Lead.notes]),
    ],
    board=Lead.state,
    lifecycle=LEAD_STATES,
    order=Lead.updated_at,
    actions=[
        Action(
            "convert",
            N_("Convert"),
            convert_lead,
            input=ConvertLead,
            icon="switch-horizontal",
            states=("new", "working", "qualified"),
            labels={"opportunity": N_("Name of the opportunity"), "amount": N_("Amount")},
            done=N_("Lead converted"),
        )
    ],
    fields={
        Lead.name: _FULL_NAME,
        Lead.company_name: FieldOptions(label=N_("Company name")),
        Lead.email: _EMAIL,
        Lead.phone: _PHONE,
        Lead.source: _SOURCE,
        Lead.state: FieldOptions(label=N_("State")),
        Lead.reason: FieldOptions(label=N_("Reason"), help=N_("Why the lead is disqualified.")),
        Lead.person: _PERSON,
        Lead.opportunity: FieldOptions(label=N_("Opportunity")),
        Lead.notes: _NOTES,
        Lead.owner: _OWNER,
        Lead.team: _TEAM,
        Lead.created_at: _CREATED,
        Lead.updated_at: _UPDATED,
    },
)

STAGES = Lifecycle(
    "stage",
    (
        State("prospecting", N_("Prospecting"), "open", 20, 8),
        State("engaging", N_("Engaging"), "open", 40, 1),
        State("proposal", N_("Proposal"), "open", 60, 2),
        State("negotiation", N_("Negotiation"), "open", 80, 7),
        State("won", N_("Won"), "won", 100, 3),
        State("lost", N_("Lost"), "lost", 0, 6),
    ),
    requires={"won": ("amount", "close_date"), "lost": ("lost_reason",)},
    second_person={"won": needs_approval},
)

OPPORTUNITIES = Entity(
    Opportunity,
    N_("Opportunities"),
    singular=N_("Opportunity"),
    title=Opportunity.name,
    icon="target-arrow",
    list=[
        Opportunity.name,
        Opportunity.company,
        Opportunity.stage,
        Opportunity.amount,
        Opportunity.close_date,
        Opportunity.owner,
    ],
    filters=[
        Opportunity.stage,
        Opportunity.company,
        Opportunity.person,
        Opportunity.amount,
        Opportunity.engage_date,
        Opportunity.close_date,
        Opportunity.lost_reason,
        Opportunity.owner,
    ],
    search=[Opportunity.notes],
    subtitle=[Opportunity.company, Opportunity.person],
    facts=[
        Opportunity.company,
        Opportunity.amount,
        Opportunity.probability,
        Opportunity.close_date,
        Opportunity.owner,
    ],
    form=[
        Group(N_("Opportunity"), [Opportunity.name, Opportunity.company, Opportunity.person]),
        Group(N_("Money"), [Opportunity.amount, Opportunity.currency, Opportunity.probability]),
        Group(
            N_("Progress"),
            [
                Opportunity.stage,
                Opportunity.engage_date,
                Opportunity.close_date,
                Opportunity.lost_reason,
            ],
        ),
        Group(N_("Who works on it"), [Opportunity.owner, Opportunity.team]),
        Group(N_("Notes"), [Opportunity.notes]),
    ],
    board=Opportunity.stage,
    lifecycle=STAGES,
    sums=[Opportunity.amount],
    closed=Opportunity.close_date,
    order=Opportunity.updated_at,
    fields={
        Opportunity.name: _NAME,
        Opportunity.company: _COMPANY,
        Opportunity.person: _PERSON,
        Opportunity.stage: FieldOptions(label=N_("Stage")),
        Opportunity.amount: FieldOptions(label=N_("Amount")),
        Opportunity.currency: FieldOptions(label=N_("Currency")),
        Opportunity.engage_date: FieldOptions(label=N_("Engaged on")),
        Opportunity.close_date: FieldOptions(label=N_("Close date")),
        Opportunity.probability: FieldOptions(
            label=N_("Probability, %"), help=N_("Follows the stage unless you enter your own.")
        ),
        Opportunity.lost_reason: FieldOptions(label=N_("Reason of the loss")),
        Opportunity.notes: _NOTES,
        Opportunity.owner: _OWNER,
        Opportunity.team: _TEAM,
        Opportunity.created_at: _CREATED,
        Opportunity.updated_at: _UPDATED,
    },
)

STEPS = Steps(
    kind=Activity.kind,
    due=Activity.due_at,
    done=Activity.done_at,
    text=Activity.body,
    kinds=(
        StepKind("note", "note", key="n"),
        StepKind("call", "phone", key="l"),
        StepKind("task", "checkbox", key="t", planned=True),
        StepKind("meeting", "calendar", planned=True),
    ),
    call=CallLog("call", Activity.done_at, Activity.direction),
    minutes=Activity.minutes,
)

ACTIVITIES = Entity(
    Activity,
    N_("Activities"),
    singular=N_("Activity"),
    title=Activity.subject,
    icon="checkbox",
    list=[Activity.subject, Activity.kind, Activity.due_at, Activity.done_at, Activity.owner],
    filters=[
        Activity.kind,
        Activity.due_at,
        Activity.done_at,
        Activity.direction,
        Activity.scope,
        Activity.company,
        Activity.person,
        Activity.lead,
        Activity.opportunity,
        Activity.owner,
    ],
    search=[Activity.body, Activity.outcome],
    steps=STEPS,
    order=Activity.due_at,
    form=[
        Group(N_("Activity"), [Activity.subject, Activity.kind, Activity.due_at, Activity.body]),
        Group(
            N_("Belongs to"),
            [Activity.company, Activity.person, Activity.lead, Activity.opportunity],
        ),
        Group(
            N_("Result"),
            [
                Activity.done_at,
                Activity.outcome,
                Activity.minutes,
                Activity.direction,
                Activity.scope,
            ],
        ),
        Group(N_("Who works on it"), [Activity.owner, Activity.team]),
    ],
    fields={
        Activity.subject: FieldOptions(label=N_("Subject")),
        Activity.kind: FieldOptions(label=N_("Kind")),
        Activity.body: FieldOptions(label=N_("Text")),
        Activity.due_at: FieldOptions(label=N_("Due")),
        Activity.done_at: FieldOptions(label=N_("Done")),
        Activity.direction: FieldOptions(label=N_("Direction")),
        Activity.scope: FieldOptions(label=N_("Seen by")),
        Activity.company: _COMPANY,
        Activity.person: _PERSON,
        Activity.lead: FieldOptions(label=N_("Lead")),
        Activity.opportunity: FieldOptions(label=N_("Opportunity")),
        Activity.minutes: FieldOptions(label=N_("Minutes")),
        Activity.outcome: FieldOptions(label=N_("Outcome")),
        Activity.owner: _OWNER,
        Activity.team: _TEAM,
        Activity.created_at: _CREATED,
        Activity.updated_at: _UPDATED,
    },
)
