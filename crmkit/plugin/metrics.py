"""Metrics, resolved: entity and measure known, names unlike those of others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from crmkit.model.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crmkit.plugin.contributions import Contributions
    from crmkit.plugin.plan import EntityPlan

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


class MetricPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of the Site.

    Attributes:
        name: `<plugin>.<name>`.
        measure: Field that is added up, "" counts records.
    """

    name: str
    plugin: str
    metric: Metric
    entity: str
    measure: str


def plan_metrics(
    given: Contributions,
    plans: Mapping[str, EntityPlan],
    failure: Callable[[str, str], Exception],
) -> dict[str, MetricPlan]:
    """Resolve the metrics of a Site; one whose entity is not loaded sleeps.

    Raises:
        Exception: As `failure` makes it: a name stands twice, or a field does not exist.
    """
    found: dict[str, MetricPlan] = {}
    for plugin, metric in given["metrics"]:
        name = f"{plugin}.{metric.name}"
        plan = plans.get(metric.entity)
        if not _NAME.match(metric.name) or name in found:
            raise failure(plugin, f"Plugin `{plugin}`: the metric `{metric.name}` needs a name "
                          "of its own, of lower-case letters, digits and _.")  # fmt: skip
        if plan is None:
            continue
        measure = str(metric.measure._meta.name) if metric.measure is not None else ""  # noqa: SLF001
        for field in (*([measure] if measure else ()), *(f for f, _, _ in metric.filters)):
            if field not in plan.fields and field != "next_step":
                raise failure(
                    plugin,
                    f"Plugin `{plugin}`: the metric `{metric.name}` names `{field}`, which is no "
                    f"field of `{metric.entity}`.",
                )
        found[name] = MetricPlan(
            name=name, plugin=plugin, metric=metric, entity=metric.entity, measure=measure
        )
    return found
