"""Plugins: which there are, what a switch would change, and the switch."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.predicate import check
from crmkit.errors import InvalidError
from crmkit.model.context import Context
from crmkit.records.plugins.archive import archive_plugin
from crmkit.records.plugins.demo import add_demo
from crmkit.records.plugins.impact import impact_of
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.quarantine import resume_plugin
from crmkit.records.plugins.settings import save_settings
from crmkit.records.plugins.switch import disable_plugin, enable_plugin, info_of
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.plugin_settings import settings_form, typed_settings
from crmkit.web.plugins_view import (
    PATH,
    card_of,
    detail_of,
    filter_links,
    in_group,
    matches,
    page_url,
    site_of,
)
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of, services_of
from crmkit.web.translate import _
from crmkit.web.views import Flash, SettingsPage
from crmkit.web.views.plugins import PluginDetail, PluginsPage

_TARGETS = ("enabled", "disabled", "archived", "purged")


@get(PATH, policy=ADMIN)
async def plugins_show(request: AnyRequest) -> Response[str]:
    """Show the plugins, and beside them the chosen one."""
    ctx = context_of(request)
    site, query = site_of(ctx), request.query_params
    state, search = query.get("state", ""), query.get("q", "").strip()[:80]
    show, to = query.get("show", ""), query.get("to", "")
    cards = tuple(
        card_of(ctx, info, show, state, search)
        for info in site.plugins.values()
        if in_group(info, state) and matches(info, search)
    )
    page = PluginsPage(
        title=_("Plugins"),
        tabs=settings_tabs(request),
        filters=filter_links(site, state, search),
        cards=cards,
        search=search,
        state=state,
        law=_("`[plugins] enabled` in crmkit.toml decides which plugins are on.")
        if ctx.config.plugins.enabled is not None
        else "",
        broken=tuple(
            (name, reason) for name, reason in site.failed.items() if name not in site.plugins
        ),
        detail=await _detail(ctx, show, to, page_url(state=state, q=search)) if show else None,
    )
    return answer(request, "plugins.html", title=page.title, page=page)


async def _detail(ctx: Context, plugin: str, to: str, close_url: str) -> PluginDetail:
    info = info_of(site_of(ctx), plugin)
    impact = await impact_of(ctx, plugin, to) if to in _TARGETS else None
    return detail_of(ctx, info, to, impact, close_url)


@post(PATH + "/{plugin:str}/state", policy=ADMIN)
async def plugin_switch(request: AnyRequest, plugin: FromPath[str]) -> Response[Any]:
    """Switch a plugin; the next page is one of the new Site."""
    ctx, services = context_of(request), services_of(request)
    form = await request.form()
    to = str(form.get("to", ""))
    name = info_of(site_of(ctx), plugin).manifest.name
    if to == "enabled":
        await enable_plugin(ctx, plugin, services.owner_dsn)
        text = _("%(name)s is on")
    elif to == "disabled":
        await disable_plugin(ctx, plugin)
        text = _("%(name)s is off")
    elif to == "archived":
        await archive_plugin(ctx, plugin, services.owner_dsn)
        text = _("%(name)s is archived")
    elif to == "purged":
        if str(form.get("confirm", "")).strip() != plugin:
            raise InvalidError(_("The id was typed differently; nothing was removed."))
        await purge_plugin(ctx, plugin, services.owner_dsn)
        text = _("%(name)s is purged")
    else:
        raise InvalidError(_("There is no such state. Reload the page and choose again."))
    await services.renew()
    return go(request, page_url(show=plugin), Flash(text=text % {"name": name}))


@post(PATH + "/{plugin:str}/demo", policy=ADMIN)
async def plugin_demo(request: AnyRequest, plugin: FromPath[str]) -> Response[Any]:
    """Write the sample records of a plugin; the message offers to undo them."""
    operation = await add_demo(context_of(request), plugin)
    flash = Flash(text=_("Sample records written"), undo_url=f"/history/{operation}/undo")
    return go(request, page_url(show=plugin), flash)


@post(PATH + "/{plugin:str}/resume", policy=ADMIN)
async def plugin_resume(request: AnyRequest, plugin: FromPath[str]) -> Response[Any]:
    """Call again what was silenced, in every process."""
    ctx, services = context_of(request), services_of(request)
    await resume_plugin(ctx, plugin)
    await services.renew()
    return go(request, page_url(show=plugin), Flash(text=_("Resumed")))


@get(PATH + "/{plugin:str}/settings", policy=ADMIN)
async def plugin_settings_show(request: AnyRequest, plugin: FromPath[str]) -> Response[str]:
    """Show the settings of a plugin."""
    return _settings(request, plugin)


@post(PATH + "/{plugin:str}/settings", policy=ADMIN)
async def plugin_settings_update(request: AnyRequest, plugin: FromPath[str]) -> Response[Any]:
    """Save the settings of a plugin; every process takes them up."""
    ctx, services = context_of(request), services_of(request)
    check(ctx, ctx.site.entity("core.user"), "admin")
    raw = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await save_settings(ctx, plugin, typed_settings(ctx, plugin, raw))
    except InvalidError as error:
        return _settings(request, plugin, raw, error)
    await services.renew()
    return go(request, page_url(show=plugin), Flash(text=_("Saved")))


def _settings(
    request: AnyRequest,
    plugin: str,
    raw: dict[str, str] | None = None,
    error: InvalidError | None = None,
) -> Response[str]:
    ctx = context_of(request)
    form = settings_form(ctx, plugin, raw, error)
    page = SettingsPage(
        title=info_of(site_of(ctx), plugin).manifest.name,
        tabs=settings_tabs(request),
        forms=(msgspec.structs.replace(form, cancel_url=page_url(show=plugin)),),
    )
    return answer(
        request, "settings.html", title=page.title, status=422 if error else 200, page=page
    )


HANDLERS = (
    plugins_show,
    plugin_switch,
    plugin_demo,
    plugin_resume,
    plugin_settings_show,
    plugin_settings_update,
)
