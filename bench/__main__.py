"""`python3 run.py bench`: the table of actions beside bars, floor and peer."""

from __future__ import annotations

import argparse
import asyncio
import sys

import uvloop

from bench import machine, rows
from bench.client import BenchError
from bench.run import Options, run_bench


def _options(words: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="times 100,000 people")
    parser.add_argument("--only", default="", help="keys of rows, such as list,filter")
    parser.add_argument("--quick", action="store_true", help="10 instead of 60 times, no crowd")
    parser.add_argument("--crmkit-only", action="store_true", help="without floor and Django")
    given = parser.parse_args(words)
    only = frozenset(filter(None, given.only.split(",")))
    unknown = sorted(only.difference(rows.KEYS))
    if unknown:
        parser.error(f"no row is called {', '.join(unknown)}; there are: {', '.join(rows.KEYS)}")
    return Options(size=given.size, only=only, quick=given.quick, alone=given.crmkit_only)


def main() -> int:
    """Measure and print; 1 when a server failed, 2 when this Python cannot give figures."""
    options = _options(sys.argv[1:])
    slow = machine.why_slow_python()
    if slow:
        print(
            f"run.py bench: {sys.executable} halves every figure: {slow}. Remove .venv and start "
            "run.py with the distribution's Python: /usr/bin/python3 run.py bench",
            file=sys.stderr,
        )
        return 2
    try:
        uvloop.run(run_bench(options))
    except BenchError as error:
        print(f"run.py bench: {error}", file=sys.stderr)
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("run.py bench: stopped.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
