"""The frame around each page: navigation, what is new, who is signed in."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from crmkit.access.predicate import scope_of_role
from crmkit.model.values import initials
from crmkit.model.working_time import CALENDAR, HOLIDAY
from crmkit.records.calls import dialers
from crmkit.web.flash import unpack_flash
from crmkit.web.services import services_of, visit_of
from crmkit.web.translate import _
from crmkit.web.views import Avatar, Link, NavGroup, NavItem, Notice, Shell, UserBadge

if TYPE_CHECKING:
    from typing import Literal

    from crmkit.model.context import Principal
    from crmkit.model.role import Verb
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site
    from crmkit.web.services import AnyRequest
    from crmkit.web.views import Flash

_HUES = 8
_MOST_UNREAD = 99


def hue_of(text: str) -> int:
    """Answer a steady hue, 1 to 8, for a name."""
    return sum(ord(letter) for letter in text) % _HUES + 1


#: Entities that people reach through the page of working hours.
_OF_HOURS = frozenset({CALENDAR, HOLIDAY})


@lru_cache(maxsize=4096)
def avatar_of(name: str, *, square: bool = False) -> Avatar:
    """Answer the initials of a person or, square, of a thing."""
    return Avatar(initials=initials(name), hue=hue_of(name), square=square)


def readable(
    site: Site, principal: Principal, verb: Verb = "read", *, in_menu: bool = True
) -> list[EntityPlan]:
    """Answer the entities, people's own first, on which the role may use a verb.

    Args:
        in_menu: Those of the menu; False answers those that have no place in it.
    """
    plans = [
        plan
        for plan in site.entities.values()
        if scope_of_role(site, principal.role, plan, verb) != "none"
    ]
    # Parts stand on the page of their whole.
    return [
        plan
        for plan in plans
        if plan.plugin != "core" and plan.part_of is None and plan.in_menu is in_menu
    ]


def is_admin(principal: Principal) -> bool:
    """Say whether the role manages users and settings."""
    return principal.role.scope("core.user", "admin") != "none"


def make_shell(
    request: AnyRequest,
    title: str,
    *,
    crumbs: tuple[Link, ...] = (),
    flashes: tuple[Flash, ...] = (),
) -> Shell:
    """Build the frame for the reader; without one, only name and language."""
    services, visit = services_of(request), visit_of(request)
    principal = visit.principal
    if principal is None:
        return Shell(
            site_name=services.config.name, title=title,
            language=visit.language or services.config.language, settings_url=None,
        )  # fmt: skip
    path = request.url.path
    entity = path.split("/")[1] if path.count("/") else ""
    new_items = tuple(
        Link(label=_(plan.singular), url=f"/{plan.name}/new", icon=plan.icon, key=_key(number))
        for number, plan in enumerate(readable(services.site, principal, "create"))
    )
    return Shell(
        site_name=services.config.name,
        title=title,
        user=UserBadge(
            name=principal.name, avatar=avatar_of(principal.name), url="/settings/account"
        ),
        navigation=navigation_of(services.site, principal, path, entity),
        inbox=_inbox(principal, path),
        csrf=visit.csrf,
        language=visit.language or principal.language or services.config.language,
        theme=cast("Literal['light', 'dark', 'system']", principal.theme or "system"),
        crumbs=crumbs,
        new_items=new_items,
        flashes=(*flashes, *unpack_flash(visit.session, visit.flash)),
        active_entity=entity or None,
        user_items=tuple(
            Link(label=_(entry.label), url=entry.url, icon=entry.icon)
            for _plugin, entry in sorted(
                services.site.contributions["navigation"], key=lambda each: each[1].order
            )
            if entry.slot == "user.menu" and reaches(services.site, principal, entry.permission)
        ),
        calls_url="/calls/ringing" if principal.has_phone else None,
        dial_url="/calls/dial" if dialers(services.site) else None,
        notices=_notices(services.site, services.problem) if is_admin(principal) else (),
        new_url=f"/{entity}/new" if any(f"/{entity}/new" == n.url for n in new_items) else None,
    )


def _notices(site: Site, problem: str) -> tuple[Notice, ...]:
    """Answer what an administrator has to look after."""
    made = []
    if problem:
        text = _("What was switched last could not be taken up; the site serves as before: %(why)s")
        link = Link(label=_("Plugins"), url="/settings/plugins")
        made.append(Notice(text=text % {"why": problem}, link=link, kind="bad"))
    for plugin in site.choice.quarantine:
        info = site.plugins.get(plugin)
        if info is not None and info.state == "quarantined":
            text = _("A part of the plugin %(name)s failed too often and is no longer called.")
            link = Link(label=_("Look at it"), url=f"/settings/plugins?show={plugin}")
            made.append(Notice(text=text % {"name": _(info.manifest.name)}, link=link))
    return tuple(made)


def _key(number: int) -> str | None:
    return str(number + 1) if number < 9 else None  # noqa: PLR2004 - keys 1 to 9


def reaches(site: Site, principal: Principal, permission: str) -> bool:
    """Say whether an entry is shown: everybody's, an entity's readers', or a permission's."""
    if not permission:
        return True
    if any(each.name == permission for _plugin, each in site.contributions["permissions"]):
        return principal.role.grants(permission)
    plan = site.entities.get(permission)
    if plan is None:
        return principal.role.scope(permission, "read") != "none"
    return scope_of_role(site, principal.role, plan, "read") != "none"


def _with_entries(
    groups: list[NavGroup], site: Site, principal: Principal, path: str
) -> list[NavGroup]:
    """Add the entries of plugins: to the group of that label, else to one of their own."""
    given = sorted(site.contributions["navigation"], key=lambda each: (each[1].order, each[0]))
    for plugin, entry in given:
        if entry.slot != "navigation" or not reaches(site, principal, entry.permission):
            continue
        item = NavItem(
            label=_(entry.label), url=entry.url, icon=entry.icon, key=entry.key or None,
            current=path == entry.url,
        )  # fmt: skip
        label = _(entry.group) if entry.group else site.plugins[plugin].manifest.name
        place = next((i for i, group in enumerate(groups) if group.label == label), None)
        if place is None:
            groups.append(NavGroup(items=(item,), label=label))
        else:
            groups[place] = NavGroup(items=(*groups[place].items, item), label=label)
    return groups


def _inbox(principal: Principal, path: str) -> NavItem:
    count = "99+" if principal.unread > _MOST_UNREAD else str(principal.unread or "")
    return NavItem(
        label=_("Inbox"), url="/inbox", icon="bell", count=count or None,
        current=path == "/inbox", key="i",
    )  # fmt: skip


def navigation_of(
    site: Site, principal: Principal, path: str = "", entity: str = ""
) -> tuple[NavGroup, ...]:
    """Answer the menu of the reader; the entry of the page at hand is marked."""
    home = NavItem(label=_("Today"), url="/", icon="home", current=path == "/", key="t")
    taken = {"t", "i", "s"}
    items = []
    for plan in readable(site, principal):
        letter = next((c for c in plan.singular.lower() if c.isalpha() and c not in taken), "")
        taken.add(letter)
        items.append(
            NavItem(
                label=_(plan.label),
                url=f"/{plan.name}" + ("/board" if plan.board else ""),
                icon=plan.icon,
                current=plan.name == entity,
                key=letter or None,
            )
        )
    first = (home, _inbox(principal, path))
    groups = [NavGroup(items=first), NavGroup(items=tuple(items), label=_("Records"))]
    groups = _with_entries(groups, site, principal, path)
    reports = tuple(
        NavItem(label=_(each.label), url=each.url, icon=each.icon, current=path == each.url)
        for plugin, each in site.contributions["reports"]
        if each.url.startswith(f"/{plugin}/") and reaches(site, principal, each.permission)
    )
    if reports:
        groups.append(NavGroup(items=reports, label=_("Reports")))
    if is_admin(principal):
        people = tuple(
            NavItem(label=_(plan.label), url=f"/{plan.name}", icon=plan.icon,
                    current=plan.name == entity)
            for plan in site.entities.values()
            if plan.plugin == "core" and plan.in_menu
        )  # fmt: skip
        hours = NavItem(
            label=_("Working hours"), url="/settings/hours", icon="clock",
            current=path == "/settings/hours" or entity in _OF_HOURS,
        )  # fmt: skip
        history = NavItem(
            label=_("History"), url="/history", icon="history", current=path == "/history"
        )
        groups.append(NavGroup(items=(*people, hours, history), label=_("Company")))
    return tuple(groups)
