"""Handlers that plugins bring: below their own address, each with a policy, none twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.handlers import BaseRouteHandler

from crmkit.web.policy import POLICIES, fits

if TYPE_CHECKING:
    from crmkit.plugin.site import Site


def check_routes(site: Site) -> dict[str, str]:
    """Answer the plugins whose handlers do not fit, with the reason."""
    wrong: dict[str, str] = {}
    taken: dict[tuple[str, str], str] = {}
    for plugin, handler in site.contributions["routes"]:
        if plugin not in wrong and (reason := _reason(site, plugin, handler, taken)):
            wrong[plugin] = reason
    return wrong


def _reason(site: Site, plugin: str, handler: Any, taken: dict[tuple[str, str], str]) -> str:  # noqa: ANN401 - a stranger's object
    if not isinstance(handler, BaseRouteHandler):
        return f"Its `routes` hold {handler!r}, which is no handler. Use `crmkit.get` or `post`."
    for path in sorted(handler.paths):
        # The router never backtracks: what begins elsewhere would hide pages of others.
        if not (f"{path}/".startswith((f"/{plugin}/", f"/api/v1/{plugin}/"))):
            return f"Its route `{path}` must begin with `/{plugin}/` or `/api/v1/{plugin}/`."
        for method in sorted(getattr(handler, "http_methods", ())):
            if (str(method), path) in taken:
                return f"Its route {method} `{path}` stands twice."
            taken[str(method), path] = plugin
    policy = handler.opt.get("policy", "")
    if not fits(site, policy):
        return (
            f"Its route `{min(handler.paths)}` has {policy or 'no policy'!r}: give it `policy=`, "
            f"one of {', '.join(sorted(POLICIES))}, a verb on an entity as in "
            f"`{plugin}.thing.read`, or a permission that it declares."
        )
    return ""
