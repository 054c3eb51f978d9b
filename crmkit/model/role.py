"""A role: which verbs on which entities, and how far."""

from __future__ import annotations

from typing import Literal

import msgspec

Verb = Literal["read", "create", "edit", "delete", "import", "export", "admin"]
Scope = Literal["none", "own", "team", "all"]
#: Whose a record is, seen by a reader: one's own, of one's team, of another team, of nobody.
Ring = Literal["own", "team", "other", "unowned"]

VERBS: tuple[Verb, ...] = ("read", "create", "edit", "delete", "import", "export", "admin")
RINGS: tuple[Ring, ...] = ("own", "team", "other", "unowned")
_REACH: dict[Scope, int] = {"none": 0, "own": 1, "team": 2, "all": len(RINGS)}


def reaches(scope: Scope, ring: Ring) -> bool:
    """Say whether a scope includes the records of a ring."""
    return RINGS.index(ring) < _REACH[scope]


class Right(msgspec.Struct, frozen=True):
    """A verb on the entities of a pattern (`crm.person`, `crm.*`, `*`), with its scope."""

    pattern: str
    verb: Verb
    scope: Scope


class Role(msgspec.Struct, frozen=True):
    """A named set of rights; the most specific pattern of a verb decides."""

    name: str
    label: str
    rights: tuple[Right, ...] = ()

    def scope(self, entity: str, verb: Verb) -> Scope:
        """Answer how far the role may use a verb on an entity."""
        best: tuple[int, Scope] = (-1, "none")
        for right in self.rights:
            if right.verb == verb and _matches(right.pattern, entity):
                weight = 0 if right.pattern == "*" else len(right.pattern.rstrip("*"))
                exact = weight + (1000 if right.pattern == entity else 0)
                if exact > best[0]:
                    best = (exact, right.scope)
        return best[1]

    def grants(self, permission: str) -> bool:
        """Say whether the role has a permission of a plugin's own, `<plugin>.<name>`.

        A file of roles grants it as `rights."billing.refund" = { admin = "all" }`; who may
        administer everything of the plugin has it as well.
        """
        return self.scope(permission, "admin") != "none"


def _matches(pattern: str, entity: str) -> bool:
    return pattern in ("*", entity) or (pattern.endswith(".*") and entity.startswith(pattern[:-1]))
