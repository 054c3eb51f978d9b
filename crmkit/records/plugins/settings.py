"""Saves the settings of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import check
from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.values import N_
from crmkit.plugin.options import is_by_role, is_secret, type_by_role
from crmkit.plugin.stored import raise_generation
from crmkit.records.plugins.rows import add_row
from crmkit.records.plugins.switch import site_in
from crmkit.records.wrong_values import what_is_wrong
from crmkit.work.deadline_refollow import queue_follow

if TYPE_CHECKING:
    from crmkit.model.context import Context


def settings_type(ctx: Context, plugin: str) -> type[msgspec.Struct]:
    """Answer the Struct of a plugin's settings.

    Raises:
        NotFoundError: The plugin is off, unknown, or has no settings.
    """
    found = site_in(ctx).hooks.plugins.get(plugin)
    if found is None or found.Settings is None:
        raise NotFoundError(ctx.translate(N_("This plugin has no settings, or is off.")))
    return found.Settings


async def save_settings(ctx: Context, plugin: str, values: dict[str, Any]) -> None:
    """Check and keep the settings of a plugin; a secret that is left empty stays as it was.

    Raises:
        ForbiddenError: The role does not administer the site.
        NotFoundError: The plugin has no settings.
        InvalidError: Values that do not fit, all problems at once.
    """
    check(ctx, ctx.site.entity("core.user"), "admin")
    kind = settings_type(ctx, plugin)
    stored = site_in(ctx).choice.stored.get(plugin)
    kept = dict(stored.settings) if stored else {}
    problems: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        if field.name not in values or (is_secret(field) and values[field.name] == ""):
            continue
        if is_by_role(field):
            problems |= _wrong_by_role(ctx, field, values[field.name])
        try:
            value = msgspec.convert(values[field.name], field.type, strict=False)
        except msgspec.ValidationError as error:
            problems[field.name] = what_is_wrong(ctx.translate, error)
        else:
            kept[field.name] = msgspec.to_builtins(value)
    unknown = set(values) - set(kind.__struct_fields__)
    problems |= dict.fromkeys(unknown, ctx.translate(N_("is not known here")))
    if problems:
        raise InvalidError(ctx.translate(N_("The settings were not saved.")), problems)
    async with ctx.db.transaction():
        await add_row(ctx.db, site_in(ctx).plugins[plugin].manifest)
        await ctx.db.execute("UPDATE core_plugin SET settings = $2 WHERE id = $1", plugin, kept)
        await raise_generation(ctx.db)
        await queue_follow(ctx, plugin)


def _wrong_by_role(
    ctx: Context,
    field: msgspec.structs.FieldInfo,
    values: Any,  # noqa: ANN401 - as sent
) -> dict[str, str]:
    """Answer what does not fit of a setting by role, as "<setting>.<role>"."""
    wrong: dict[str, str] = {}
    for role, value in values.items() if isinstance(values, dict) else ():
        try:
            msgspec.convert(value, type_by_role(field), strict=False)
        except msgspec.ValidationError as error:
            wrong[f"{field.name}.{role}"] = what_is_wrong(ctx.translate, error)
    return wrong
