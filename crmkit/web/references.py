"""Names typed where a script would have offered records to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.records.import_values import find_references

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_SUFFIX = ".title"


async def with_references(
    ctx: Context, plan: EntityPlan, raw: Mapping[str, str], prefix: str = ""
) -> dict[str, str]:
    """Answer a form with ids in place of the names in `<field>.title`.

    Without scripts a reference is a line of text. A name that no readable record has, or that
    several have, stays as it was typed, and parsing refuses it by field.

    Args:
        prefix: What stands before the names of fields in the form.
    """
    found = dict(raw)
    for name, field in plan.fields.items():
        key = f"{prefix}{name}{_SUFFIX}"
        if not field.reference or key not in found:
            continue
        typed = found.pop(key).strip()
        ids: dict[str, int] = {}
        if typed and typed.isprintable():
            ids = (await find_references(ctx, field, [typed])).ids
        found[f"{prefix}{name}"] = str(ids.get(typed, typed))
    return found
