from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import crmkit_orders.domain

DOMAIN = Path(next(iter(crmkit_orders.domain.__path__)))
_FORBIDDEN = ("litestar", "piccolo", "asyncpg", "jinja2")


def test_rules_load_no_framework() -> None:
    modules = [f"crmkit_orders.domain.{path.stem}" for path in sorted(DOMAIN.glob("[a-z]*.py"))]
    code = (
        # The package itself is the plugin, which needs all of crmkit: the rules are loaded without.
        "import sys, types; package = types.ModuleType('crmkit_orders')\n"
        f"package.__path__ = [{str(DOMAIN.parent)!r}]; sys.modules['crmkit_orders'] = package\n"
        + "\n".join(f"import {module}" for module in modules)
        + f"\nprint([name for name in {_FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(modules) > 8
    assert "[]" == done.stdout.strip()


def test_rules_know_no_clock_and_no_float() -> None:
    for path in DOMAIN.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for word in (".now(", ".today(", "import time\n", "open(", "float("):
            assert word not in source, (path.name, word)
