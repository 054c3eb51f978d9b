"""Prints what filtering by a plugin's field costs among 200,000 rows: `python bench/extension.py`.

The field lies in the jsonb column of somebody else's table, behind the expression index that
`listed=True` or `filter=True` makes. Wanted: under 5 ms for the statement of a list.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg
import structlog

from crmkit.cli.opening import open_site
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, count_records, list_records

ROWS, ROUNDS = 200_000, 40
_STEP = 10_000
_MANIFEST = 'id = "tiers"\nname = "Tiers"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """from crmkit import Extension, ExtField, Plugin


class Tiers(Plugin):
    def extensions(self):
        yield Extension("crm.person", fields=[
            ExtField("card", str, filter=True), ExtField("rank", int, filter=True),
        ])
"""
_FILL = """
INSERT INTO crm_person (name, custom)
SELECT 'Person ' || n,
       jsonb_build_object('tiers', jsonb_build_object('card', 'C' || n % 20000, 'rank', n % 5000))
FROM generate_series($1::int, $2::int) n
"""


async def main() -> None:
    """Make the rows, then read one page of each filter again and again."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="crmkit-extension-") as name:
        folder = Path(name)
        plugin = folder / "plugins" / "tiers"
        plugin.mkdir(parents=True)
        (plugin / "plugin.toml").write_text(_MANIFEST)
        (plugin / "__init__.py").write_text(_CODE)
        async with open_site(folder) as opened:
            ctx = opened.context()
            for first in range(1, ROWS, _STEP):
                await ctx.db.execute(_FILL, first, first + _STEP - 1)
            # As the vacuum of the server does some time after; only the owner may.
            owner = await asyncpg.connect(opened.owner_dsn)
            await owner.execute("ANALYZE crm_person")
            await owner.close()
            plan = opened.site.entity("crm.person")
            for label, field, op, value in (
                ("text is", "custom.tiers.card", "is", "C777"),
                ("number is", "custom.tiers.rank", "is", "777"),
                ("number over", "custom.tiers.rank", "over", "4998"),
            ):
                query = ListQuery(filters=(Filter(field, op, value),))
                seconds = []
                for _ in range(ROUNDS):
                    begin = time.perf_counter()
                    found = await list_records(ctx, plan, query)
                    await count_records(ctx, plan, query)
                    seconds.append(time.perf_counter() - begin)
                print(
                    f"{label}: {statistics.median(seconds) * 1000:.1f} ms for list and count of "
                    f"{len(found.rows)} of {ROWS:,} rows (wanted: under 5)"
                )


if __name__ == "__main__":
    asyncio.run(main())
