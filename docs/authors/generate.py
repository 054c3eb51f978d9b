"""Writes reference.md from the code: hooks, slots, template blocks and public names."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

import crmkit
from crmkit.model.extension import Slot
from crmkit.plugin.hookspecs import HOOKS, HookSpecs

_TEMPLATES = Path(crmkit.__file__).parent / "web" / "templates"
_KINDS = {
    "R": "registration: once per build, sync",
    "T": "in the transaction",
    "I": "isolated",
    "C": "after the commit; delivery comes with the work table",
    "F": "security: fails closed",
}


def reference() -> str:
    """Answer the whole page."""
    parts = ["# Reference for authors\n", "Made from the code by `docs/authors/generate.py`.\n"]
    parts += ["## Hooks\n", *_hooks()]
    parts += ["## Slots of panels\n", *(f"- `{slot}`" for slot in get_args(Slot)), ""]
    parts += ["## Blocks of templates\n", *_blocks(), ""]
    parts += ["## Public names of `crmkit`\n", *_names()]
    return "\n".join(parts) + "\n"


def _hooks() -> list[str]:
    lines = []
    for name, kind in HOOKS.items():
        method = getattr(HookSpecs, name)
        word = "async def" if inspect.iscoroutinefunction(method) else "def"
        lines.append(f"### `{name}`\n")
        lines.append(f"    {word} {name}{inspect.signature(method)}\n")
        lines.append(f"{_KINDS[kind]}. Since API 1.0.\n\n{inspect.getdoc(method)}\n")
    return lines


def _blocks() -> list[str]:
    lines = []
    for path in sorted(_TEMPLATES.glob("[a-z]*.html")):
        names = re.findall(r"{%-? ?block (\w+)", path.read_text(encoding="utf-8"))
        if names:
            lines.append(f"- `{path.name}`: {', '.join(dict.fromkeys(names))}")
    return lines


def _names() -> list[str]:
    lines = []
    for name in sorted(crmkit.__all__, key=str.casefold):
        text = inspect.getdoc(getattr(crmkit, name)) or ""
        lines.append(f"- `{name}`: {text.partition(chr(10))[0]}")
    return lines


if __name__ == "__main__":
    Path(__file__).with_name("reference.md").write_text(reference(), encoding="utf-8")
