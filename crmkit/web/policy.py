"""Who may call a handler: stated on each, checked before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.access.predicate import check, check_hooks
from crmkit.errors import CrmkitError, ForbiddenError, NotFoundError, SignInError
from crmkit.model.role import VERBS
from crmkit.web.services import context_of, services_of, visit_of
from crmkit.web.shell import is_admin
from crmkit.web.translate import _

if TYPE_CHECKING:
    from litestar import Litestar

    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site
    from crmkit.web.services import AnyRequest

PUBLIC = "public"
SIGNED_IN = "signed-in"
ADMIN = "admin"
POLICIES = frozenset({PUBLIC, SIGNED_IN, ADMIN, *(f"entity.{verb}" for verb in VERBS)})


def fits(site: Site, policy: str) -> bool:
    """Say whether a policy can be checked: one of `POLICIES`, or one that a plugin declares.

    `loyalty.points.read` is a verb on an entity, `loyalty.gift` a permission of a plugin.
    """
    owner, _dot, verb = policy.rpartition(".")
    if policy in POLICIES or (owner in site.entities and verb in VERBS):
        return True
    return any(each.name == policy for _plugin, each in site.contributions["permissions"])


class PolicyMissingError(CrmkitError):
    """A handler does not say who may call it; the application is not built."""


class RouteLine(msgspec.Struct, frozen=True):
    """A line of the route table."""

    method: str
    path: str
    policy: str


def list_routes(app: Litestar) -> list[RouteLine]:
    """List every route with its policy.

    Raises:
        PolicyMissingError: A handler has none, or one that does not exist.
    """
    lines = []
    pairs = [
        (method, route.path, handler)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in getattr(handler, "http_methods", ())
    ]
    for method, path, handler in pairs:
        if method == "OPTIONS":  # the guard answers it, no handler sees it (TRAPS L11)
            continue
        policy = handler.opt.get("policy", "")
        if not fits(app.state["services"].site, policy):
            raise PolicyMissingError(
                f"{method} {path}: {policy or 'no policy'!r}. "
                f"Give its handler `policy=`, one of: {', '.join(sorted(POLICIES))}."
            )
        lines.append(RouteLine(str(method), path, policy))
    return sorted(lines, key=lambda line: (line.path, line.method))


async def check_policy(request: AnyRequest) -> None:
    """Let the request through to its handler.

    Raises:
        SignInError: Nobody is signed in.
        ForbiddenError: The role does not allow it.
        NotFoundError: The entity does not exist.
    """
    policy: str = request.route_handler.opt["policy"]
    if policy == PUBLIC:
        return
    principal = visit_of(request).principal
    if principal is None:
        raise SignInError(_("Sign in to see this page."))
    if policy == ADMIN and not is_admin(principal):
        raise ForbiddenError(_("Only an administrator may do this. Ask one of yours."))
    site, (name, _dot, verb) = services_of(request).site, policy.rpartition(".")
    if name in site.entities:
        await _check_entity(request, site.entities[name], verb)
    elif name and name != "entity" and not principal.role.grants(policy):
        raise ForbiddenError(_("Your role does not include this. Ask an administrator."))
    if name == "entity":
        try:
            plan = site.entity(request.path_params["entity"])
        except NotFoundError:
            raise NotFoundError(
                _("The address leads nowhere. Look at how it is spelled or begin at Today.")
            ) from None
        await _check_entity(request, plan, verb)


async def _check_entity(request: AnyRequest, plan: EntityPlan, verb: str) -> None:
    ctx = context_of(request)
    check(ctx, plan, verb)  # type: ignore[arg-type]
    await check_hooks(ctx, plan, verb)  # type: ignore[arg-type]
