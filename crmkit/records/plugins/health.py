"""What plugins say must work, asked of each alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.plugin.events import LifeEvent
from crmkit.records.plugins.switch import site_in

if TYPE_CHECKING:
    from crmkit.model.adapters import HealthCheck
    from crmkit.model.context import Context


class Health(msgspec.Struct, frozen=True):
    """What one check of a plugin said.

    Attributes:
        problem: A sentence on what does not work and the remedy, "" when all is well.
    """

    plugin: str
    name: str
    label: str
    problem: str

    def __str__(self) -> str:
        return f"plugin {self.plugin}: {self.name}: {self.problem or 'works'}"


async def ask_health(ctx: Context) -> list[Health]:
    """Ask the `health_checks` of all plugins at once, each for 2 seconds at most.

    Returns:
        What each said, in the order of the plugins; one that fails or answers no text has that
        for its problem.
    """
    checks = site_in(ctx).contributions["health_checks"]
    return list(await asyncio.gather(*(_ask(ctx, plugin, check) for plugin, check in checks)))


async def _ask(ctx: Context, plugin: str, check: HealthCheck) -> Health:
    worked, answer = await ctx.site.hooks.attempt(
        plugin,
        f"health check {check.name}",
        LifeEvent(ctx, plugin),
        lambda event: check.check(event.ctx),
        _check_text,
    )
    problem = answer or "" if worked else "The check itself failed or took over 2 s; see the log."
    return Health(plugin, check.name, check.label, problem)


def _check_text(answer: Any) -> str:  # noqa: ANN401 - a stranger's answer
    if not isinstance(answer, str):
        raise TypeError(f"a health check answers text, not {answer!r}")
    return answer
