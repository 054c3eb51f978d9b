"""Values that a record of any entity may have, made from its fields."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit.errors import CrmkitError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site

#: So many different records are referred to, whatever the number of samples.
_TARGETS = 10
#: So often other values are tried where rules of a plugin refuse some.
_ATTEMPTS = 12


class Samples:
    """Makes records of any entity of a Site, each with its own values.

    Records that are referred to are made as well, ten of each entity; one for each record where
    the reference is unique.

    Args:
        after: Whose numbers go on, so that no value is made twice.

    Attributes:
        number: Of the last record.
    """

    def __init__(self, ctx: Context, site: Site, after: Samples | None = None) -> None:
        self._ctx = ctx
        self._site = site
        self._made: dict[str, list[int]] = {}
        self.number: int = after.number if after else 0
        self._turn = 0

    async def make(self, entity: str, **fixed: int) -> int:
        """Make one record and answer its id.

        Args:
            entity: Such as "loyalty.points".
            fixed: References it must have.

        Raises:
            InvalidError: No values were found that the entity takes; names it.
        """
        plan = self._site.entity(entity)
        refused: list[str] = []
        # All fields show more of the plugin; rules of its own may take no more than the least, or
        # want other records to be referred to.
        for least in (False, *[True] * (_ATTEMPTS - 1)):
            values = await self.values(plan, fixed, least=least)
            try:
                record = await self._ctx.create(entity, **values)
            except CrmkitError as error:
                problems = getattr(error, "problems", {})
                refused.append(f"{error.message} {dict(problems) or ''}".strip())
            else:
                self._made.setdefault(entity, []).append(record)
                return record
        raise InvalidError(f"No sample of `{entity}` can be made: {refused[-1]}")

    def forget(self, entity: str, record: int) -> None:
        """Let no other sample refer to a record."""
        self._made[entity].remove(record)

    async def values(
        self, plan: EntityPlan, fixed: Mapping[str, int] | None = None, *, least: bool = False
    ) -> dict[str, Any]:
        """Answer values for a new record.

        Args:
            fixed: References it must have.
            least: Only what is required, and the title.
        """
        self.number += 1
        values: dict[str, Any] = {}
        for name, field in plan.fields.items():
            # What code alone writes is made up where a record cannot be without it.
            if not field.editable and not field.required:
                continue
            if name == plan.board or name in (fixed or {}):
                continue
            if least and not field.required and name != plan.title:
                continue
            value = await self._value(plan, field, least=least)
            if value is not None:
                values[name] = value
        values |= fixed or {}
        await self._same_whole(plan, values)
        return values

    async def _same_whole(self, plan: EntityPlan, values: dict[str, Any]) -> None:
        """Let a part refer to parts of what its own whole is of, as lines of one order do."""
        if plan.part_of is None or plan.part_of.column not in values:
            return
        whole: EntityPlan = self._site.entity(plan.part_of.entity)
        record = await self._ctx.get(whole.name, values[plan.part_of.column])
        for name, field in plan.fields.items():
            target = self._site.entities.get(field.reference)
            if name not in values or target is None or target.part_of is None:
                continue
            for other, link in whole.fields.items():
                if link.reference == target.part_of.entity and record.get(other):
                    fixed = {target.part_of.column: record[other]}
                    values[name] = await self.make(target.name, **fixed)

    async def _value(self, plan: EntityPlan, field: Field, *, least: bool) -> Any:  # noqa: ANN401
        if field.kind == "reference":
            return await self._target(plan, field, least=least)
        if field.choices:
            return field.choices[self.number % len(field.choices)].value
        text = f"Sample {self.number}"[: field.max_length or None]
        return {
            "text": text, "textarea": text, "number": self.number, "checkbox": True,
            "decimal": Decimal("1.50"), "money": Decimal("10.00"), "currency": "EUR",
            "date": date(2026, 3, 2), "datetime": datetime(2026, 3, 2, 9, tzinfo=UTC),
            "email": f"sample{self.number}@example.com", "phone": "+442079460958",
            "url": f"https://example.com/{self.number}",
        }.get(field.kind)  # fmt: skip

    async def _target(self, plan: EntityPlan, field: Field, *, least: bool) -> int | None:
        entity = field.reference
        if not entity or entity.startswith("core.") or entity == plan.name:
            return None
        if field.unique:
            return await self.make(entity)
        made = self._made.get(entity, [])
        is_wanted = field.required or not self._refers_back(plan, entity)
        if len(made) < (1 if least else _TARGETS) and is_wanted:
            return await self.make(entity)
        self._turn += 1
        return made[self._turn % len(made)] if made else None

    def _refers_back(self, plan: EntityPlan, entity: str) -> bool:
        """Say whether making the target would ask for one of these first."""
        return any(
            field.reference == plan.name for field in self._site.entity(entity).fields.values()
        )
