"""Metrics by API: each a value, as far as the caller sees what it counts."""

from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from crmkit.access.predicate import check, check_hooks
from crmkit.model.context import Context
from crmkit.model.money import amount_text
from crmkit.records.metrics import Figure, find_metric, metric_values
from crmkit.web.api.answers import respond
from crmkit.web.api.call import api_context, outcome_of
from crmkit.web.api.methods import BASE
from crmkit.web.metric_view import figure_url
from crmkit.web.policy import SIGNED_IN
from crmkit.web.services import AnyRequest, services_of
from crmkit.web.translate import _


def _shown(ctx: Context, figure: Figure) -> dict[str, Any]:
    """Answer a figure; money as text, with the list that shows the same records."""
    metric = find_metric(ctx, figure.name)
    value: Any = figure.count if not metric.measure else amount_text(figure.value, figure.currency)
    return {
        "name": figure.name,
        "label": _(metric.metric.label),
        "entity": figure.entity,
        "value": value,
        "currency": figure.currency or None,
        "others": {name: amount_text(total, name) for name, total in figure.others.items()},
        "count": figure.count,
        "list": BASE + figure_url(figure),
    }


@get(f"{BASE}/metrics", policy=SIGNED_IN)
async def api_metrics_show(request: AnyRequest) -> Response[Any]:
    """Show the metrics of everything the caller may read."""
    ctx = api_context(request)
    figures = await metric_values(ctx, services_of(request).site.metrics)
    return respond(outcome_of({"rows": [_shown(ctx, each) for each in figures.values()]}))


@get(f"{BASE}/metrics/{{name:str}}", policy=SIGNED_IN)
async def api_metric_show(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Show one metric."""
    ctx = api_context(request)
    plan = ctx.site.entity(find_metric(ctx, name).entity)
    check(ctx, plan, "read")
    await check_hooks(ctx, plan, "read")
    figures = await metric_values(ctx, [name])
    return respond(outcome_of(_shown(ctx, figures[name])))


HANDLERS = (api_metrics_show, api_metric_show)
