"""What plugins are expected to allow, beside what the site really allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import scope_of_role
from crmkit.model.role import VERBS
from crmkit.plugin.policies import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crmkit.model.adapters import Policy
    from crmkit.model.role import Role
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site

_OPEN = "public"


class Difference(msgspec.Struct, frozen=True):
    """Where a site does not do what a policy says.

    Attributes:
        about: Entity or permission.
        role: "" where it is about none.
    """

    about: str
    role: str
    text: str

    def __str__(self) -> str:
        """Answer one sentence."""
        who = f" for {self.role}" if self.role else ""
        return f"`{self.about}`{who}: {self.text}"


def differences(site: Site, plugin: str) -> Iterator[Difference]:
    """Answer where what a plugin's policies say and what the site does differ.

    A plugin without policies has none. Roles a policy does not name are the site's own business.
    """
    for owner, policy in site.contributions["policies"]:
        if owner == plugin:
            yield from _of_rights(site, plugin, policy)
            yield from _of_permissions(site, plugin, policy)
            yield from _of_guards(site, policy)
            yield from _of_written(site, plugin, policy)
            yield from _of_public(site, plugin, policy)


def _of_rights(site: Site, plugin: str, policy: Policy) -> Iterator[Difference]:
    for role in sorted(policy.roles - set(site.roles)):
        yield Difference(role, "", "there is no such role here")
    for entity in _own(site, plugin):
        if entity not in policy.rights:
            yield Difference(entity, "", f"has no rights in {NAME}; nobody reviewed it")
    for entity in policy.rights:
        plan = site.entities.get(entity)
        if plan is None:
            yield Difference(entity, "", "there is no such entity here")
            continue
        for name in sorted(policy.roles & set(site.roles)):
            text = role_differs(site, policy, plan, site.roles[name])
            if text:
                yield Difference(entity, name, text)


def role_differs(site: Site, policy: Policy, plan: EntityPlan, role: Role) -> str:
    """Answer how the scopes of a role differ from those of a policy, "" where they do not."""
    found = []
    for verb in VERBS:
        given = scope_of_role(site, role, plan, verb)
        wanted = policy.scope(plan.name, role.name, verb)
        if given != wanted:
            found.append(f"{verb} is {given}, not {wanted}")
    return ", ".join(found)


def _of_permissions(site: Site, plugin: str, policy: Policy) -> Iterator[Difference]:
    declared = _permissions(site, plugin)
    for name in declared:
        for role in sorted(policy.roles & set(site.roles)):
            given = site.roles[role].grants(name)
            if given is not (role in policy.permissions.get(name, ())):
                yield Difference(name, role, "is had, not denied" if given else "is not had")
    for name in sorted({*policy.permissions, *policy.guards} - set(declared)):
        yield Difference(name, "", "is no permission of the plugin")


def _of_guards(site: Site, policy: Policy) -> Iterator[Difference]:
    guarded = {each: name for name, every in policy.guards.items() for each in every}
    for entity in policy.rights:
        plan = site.entities.get(entity)
        if plan is None:
            continue
        wanted = guarded.pop(entity, "")
        if plan.permission != wanted:
            yield Difference(
                entity, "", f"needs {plan.permission or 'no permission'}, not {wanted or 'none'}"
            )
        columns = {str(column._meta.name) for column in plan.table._meta.columns}  # noqa: SLF001
        for name in columns:
            permission = guarded.pop(f"{entity}.{name}", "")
            if permission and name in plan.fields and plan.permission != permission:
                text = f"is a field that people see without {permission}"
                yield Difference(f"{entity}.{name}", "", text)
    for name in guarded:
        yield Difference(name, "", "there is nothing of that name to guard")


def _of_written(site: Site, plugin: str, policy: Policy) -> Iterator[Difference]:
    for entity in _own(site, plugin):
        wanted = set(policy.written.get(entity, ()))
        given = set(written_fields(site.entities[entity]))
        if given - wanted:
            yield Difference(entity, "", f"is also written: {', '.join(sorted(given - wanted))}")
        if wanted - given:
            yield Difference(entity, "", f"is not written: {', '.join(sorted(wanted - given))}")


def written_fields(plan: EntityPlan) -> list[str]:
    """Answer the fields of its own that people write, without what others add to it."""
    return [name for name, each in plan.fields.items() if each.editable and not each.is_custom]


def _of_public(site: Site, plugin: str, policy: Policy) -> Iterator[Difference]:
    found = set(public_addresses(site, plugin))
    for path in sorted(found - set(policy.public)):
        yield Difference(path, "", f"is open without signing in; {NAME} does not say so")
    for path in sorted(set(policy.public) - found):
        yield Difference(path, "", "is no address that is open without signing in")


def public_addresses(site: Site, plugin: str) -> list[str]:
    """Answer the addresses of a plugin that are open without signing in."""
    found: set[str] = set()
    for owner, handler in site.contributions["routes"]:
        # What is no handler is refused with its plugin by who builds the pages.
        if owner == plugin and getattr(handler, "opt", {}).get("policy") == _OPEN:
            found |= set(handler.paths)
    return sorted(found)


def _permissions(site: Site, plugin: str) -> list[str]:
    return [each.name for owner, each in site.contributions["permissions"] if owner == plugin]


def _own(site: Site, plugin: str) -> list[str]:
    return [name for name, plan in site.entities.items() if plan.plugin == plugin]


def draft_policy(site: Site, plugin: str) -> str:
    """Answer `policies.toml` of a plugin as things stand, for its author to review.

    Entities with the same rights share a block.
    """
    own = [site.entities[name] for name in _own(site, plugin)]
    names = [plan.name for plan in own]
    parts = [
        (plan.name, f'"{plan.part_of.entity}"')
        for plan in own
        if plan.part_of is not None and plan.part_of.entity in names
    ]
    wholes = [plan for plan in own if plan.name not in dict(parts)]
    blocks: dict[str, list[str]] = {}
    for plan in wholes:
        blocks.setdefault(_roles(site, plan), []).append(plan.name)
    lines: list[str] = []
    for roles, entities in blocks.items():
        lines += ["[[rights]]", f"entities = {_names(entities)}", roles, ""]
    lines += _table("parts", parts)
    permissions = _permissions(site, plugin)
    granted = [(n, [r.name for r in site.roles.values() if r.grants(n)]) for n in permissions]
    lines += _table("permissions", [(name, _names(roles)) for name, roles in granted])
    guards = [(n, [plan.name for plan in own if plan.permission == n]) for n in permissions]
    lines += _table("guards", [(name, _names(each)) for name, each in guards if each])
    lines += _table("written", [(plan.name, _names(written_fields(plan))) for plan in own])
    public = public_addresses(site, plugin)
    if public:
        lines += ["[public]", f"addresses = {_names(public)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _roles(site: Site, plan: EntityPlan) -> str:
    lines = []
    for role in site.roles.values():
        scopes = {verb: scope_of_role(site, role, plan, verb) for verb in VERBS}
        if len(set(scopes.values())) == 1:
            lines.append(f'roles.{role.name} = "{scopes["read"]}"')
            continue
        given = [f'{verb} = "{scope}"' for verb, scope in scopes.items() if scope != "none"]
        lines.append(f"roles.{role.name} = {{ {', '.join(given)} }}")
    return "\n".join(lines)


def _table(name: str, rows: Sequence[tuple[str, Any]]) -> list[str]:
    return [f"[{name}]", *(f'"{key}" = {value}' for key, value in rows), ""] if rows else []


def _names(names: Sequence[str]) -> str:
    return f"[{', '.join(f'{chr(34)}{name}{chr(34)}' for name in names)}]"
