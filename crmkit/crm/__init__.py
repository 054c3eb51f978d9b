"""The built-in plugin: companies, people, leads, opportunities and activities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, EventType, Plugin, read_policy
from crmkit.crm.agenda import agenda_sections
from crmkit.crm.demo import write_samples
from crmkit.crm.entities import ACTIVITIES, COMPANIES, LEADS, OPPORTUNITIES, PEOPLE
from crmkit.crm.home import home_figures
from crmkit.crm.letters import OFFER_LETTER
from crmkit.crm.metrics import METRICS, WIDGETS
from crmkit.crm.personal import erase_about, held_about
from crmkit.crm.reminders import REMINDER
from crmkit.crm.rules import follow_stage, refuse_cycles, tell_end
from crmkit.crm.settings import Settings
from crmkit.crm.tables import Activity, Company, Lead, Opportunity, Person
from crmkit.crm.timeline import activity_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from crmkit import (
        DeadlineKind,
        DocumentTemplate,
        Entity,
        LifeEvent,
        Metric,
        PageEvent,
        PersonEvent,
        Policy,
        SaveEvent,
        TimelineItem,
        TransitionEvent,
        Widget,
    )

__all__ = ["Activity", "Company", "Crm", "Lead", "Opportunity", "Person"]


class Crm(Plugin):
    """What a sales team works with."""

    Settings = Settings

    def entities(self) -> Iterable[Entity]:
        """Contribute the five entities."""
        return (COMPANIES, PEOPLE, LEADS, OPPORTUNITIES, ACTIVITIES)

    def events(self) -> Iterable[EventType]:
        """Contribute how opportunities end."""
        yield EventType("crm.opportunity.won", N_("An opportunity was won"))
        yield EventType("crm.opportunity.lost", N_("An opportunity was lost"))

    def policies(self) -> Iterable[Policy]:
        """Contribute who may do what, as `policies.toml` says."""
        yield read_policy(__file__)

    def metrics(self) -> Iterable[Metric]:
        """Contribute the numbers of sales."""
        return METRICS

    def widgets(self) -> Iterable[Widget]:
        """Contribute the figures of the home page."""
        return WIDGETS

    def deadlines(self) -> Iterable[DeadlineKind]:
        """Contribute the reminders of activities."""
        return (REMINDER,)

    def documents(self) -> Iterable[DocumentTemplate]:
        """Contribute the offer letter."""
        return (OFFER_LETTER,)

    async def demo_data(self, event: LifeEvent) -> None:
        """Write a few invented clients."""
        await write_samples(event)

    async def before_save(self, event: SaveEvent) -> None:
        """Keep chains without rings and the probability with its stage."""
        await refuse_cycles(event)
        follow_stage(event)

    async def after_transition(self, event: TransitionEvent) -> None:
        """Say that an opportunity was won or lost."""
        await tell_end(event)

    async def agenda(self, event: PageEvent) -> dict[str, Any]:
        """Answer the open activities of the chosen scope."""
        return await agenda_sections(event)

    async def page_context(self, event: PageEvent) -> dict[str, Any]:
        """Answer loose ends, funnel, pipeline and leaders."""
        return await home_figures(event)

    async def timeline(self, event: PageEvent) -> list[tuple[datetime, TimelineItem]]:
        """Answer the activities of a record."""
        return await activity_lines(event)

    async def personal_data(self, event: PersonEvent) -> Mapping[str, Any] | None:
        """Answer what activities and leads say of a person."""
        return await held_about(event)

    async def erase_personal_data(self, event: PersonEvent) -> list[str] | None:
        """Empty activities and leads of a person, and deals called by the person's name."""
        return await erase_about(event)
