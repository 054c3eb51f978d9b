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

    from crmkit.web.services import AnyRequest

PUBLIC = "public"
SIGNED_IN = "signed-in"
ADMIN = "admin"
POLICIES = frozenset({PUBLIC, SIGNED_IN, ADMIN, *(f"entity.{verb}" for verb in VERBS)})


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
        if policy not in POLICIES:
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
    if policy.startswith("entity."):
        try:
            plan = services_of(request).site.entity(request.path_params["entity"])
        except NotFoundError:
            raise NotFoundError(
                _("The address leads nowhere. Look at how it is spelled or begin at Today.")
            ) from None
        ctx, verb = context_of(request), policy.removeprefix("entity.")
        check(ctx, plan, verb)  # type: ignore[arg-type]
        await check_hooks(ctx, plan, verb)  # type: ignore[arg-type]
