"""Numbers of sales: each a figure, the list behind it, and a value of the API."""

from __future__ import annotations

from crmkit import N_, Metric, Widget
from crmkit.crm.entities import LEAD_STATES, STAGES
from crmkit.crm.tables import Opportunity

_OPEN = ("stage", "in", ",".join(each.name for each in STAGES.states if each.kind == "open"))
_LEADS = ("state", "in", ",".join(each.name for each in LEAD_STATES.states if each.kind == "open"))

METRICS = (
    Metric("open", N_("Open opportunities"), "crm.opportunity", [_OPEN], better="more"),
    Metric(
        "pipeline", N_("Value of open opportunities"), "crm.opportunity", [_OPEN],
        Opportunity.amount, "more",
    ),
    Metric(
        "won_this_month", N_("Won this month"), "crm.opportunity",
        [("stage", "is", "won"), ("close_date", "from", "month")], Opportunity.amount, "more",
    ),
    Metric(
        "leads_without_step", N_("Leads without a next step"), "crm.lead",
        [_LEADS, ("next_step", "empty", "")], better="less",
    ),
    Metric(
        "late_activities", N_("Activities due before today"), "crm.activity",
        [("done_at", "empty", ""), ("kind", "not", "note"), ("due_at", "under", "today")],
        better="less",
    ),
)  # fmt: skip
#: The number of open opportunities stands under their value.
WIDGETS = tuple(
    Widget(f"crm.{name}", "home", order)
    for order, name in enumerate(
        ("pipeline", "won_this_month", "leads_without_step", "late_activities"), 10
    )
)
