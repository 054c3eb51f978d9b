"""The built-in plugin: companies, people, leads, opportunities and activities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import Plugin
from crmkit.crm.entities import ACTIVITIES, COMPANIES, LEADS, OPPORTUNITIES, PEOPLE
from crmkit.crm.rules import follow_stage, refuse_cycles
from crmkit.crm.tables import Activity, Company, Lead, Opportunity, Person

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit import Entity, SaveEvent

__all__ = ["Activity", "Company", "Crm", "Lead", "Opportunity", "Person"]


class Crm(Plugin):
    """What a sales team works with."""

    def entities(self) -> Iterable[Entity]:
        """Contribute the five entities."""
        return (COMPANIES, PEOPLE, LEADS, OPPORTUNITIES, ACTIVITIES)

    async def before_save(self, event: SaveEvent) -> None:
        """Keep chains without rings and the probability with its stage."""
        await refuse_cycles(event)
        follow_stage(event)
