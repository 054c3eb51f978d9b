"""Prints how long the pages of orders take: `python -m bench.orders`.

100,000 orders with 400,000 lines of 1,000 products, 20,000 of them running, each with its steps;
pages of an administrator and of a seller with a fiftieth of them, in process, the median of 15.
The bars are those of lists and boards in SPEED.md.
"""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import structlog
import uvloop

from crmkit.records.plugins.switch import enable_plugin
from crmkit.testing.server import scratch_server
from crmkit.testing.sites import DSN, new_place

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

RUNS = 15
_FILL = """
INSERT INTO core_user (name, email, role)
SELECT 'Seller ' || n, 's' || n || '@example.com', 'seller' FROM generate_series(1, 50) n;
INSERT INTO crm_company (name) SELECT 'Company ' || n FROM generate_series(1, 5000) n;
INSERT INTO orders_product (name, code, price)
SELECT 'Product ' || n, 'P' || n, n FROM generate_series(1, 1000) n;
INSERT INTO orders_order (number, state, company, currency, owner, holder, step, promised_at,
    confirmed_at, closed_on, net, tax, gross, updated_at)
SELECT 'SO-' || n, CASE WHEN n % 5 = 0 THEN 'confirmed' ELSE 'closed' END, 1 + n % 5000, 'EUR',
    1 + n % 50, CASE WHEN n % 5 = 0 THEN 1 + n % 50 END,
    CASE WHEN n % 5 = 0 THEN 'Prepare' ELSE '' END,
    now() + (n % 400 - 200) * interval '1 hour', now() - n * interval '1 minute',
    CASE WHEN n % 5 > 0 THEN (now() - n * interval '10 minutes')::date END, n, 0, n,
    now() - n * interval '1 second'
FROM generate_series(1, 100000) n;
INSERT INTO orders_order_line ("order", product, text, quantity, unit_price, net, position,
    confirmed, confirmed_net)
SELECT n, 1 + (n * 7 + l) % 1000, 'Product', 1, 10, 10, l, 1, 10
FROM generate_series(1, 100000) n, generate_series(1, 4) l;
INSERT INTO orders_step ("order", name, state, holder, position, due_at, began_at)
SELECT id, 'Prepare', 'active', holder, 1, promised_at, confirmed_at FROM orders_order
WHERE state = 'confirmed';
ANALYZE;
"""
PAGES = (
    "/orders.order", "/orders.order?sort=promised_at", "/orders.order?f=state:is:confirmed",
    "/orders.order?f=company:is:42", "/orders.order?f=number:contains:4711",
    "/orders.order?f=promised_at:under:2026-01-01", "/orders.order?f=company:contains:4711",
    "/orders.order?q=4711", "/orders.order/board", "/orders.order/5", "/orders.product",
    "/orders/board", "/orders/report", "/",
)  # fmt: skip


async def _median(running: Running, role: str) -> dict[str, float]:
    client = await running.client(role)
    if role == "seller":
        user = await running.db.value("SELECT max(id) FROM core_user")
        sql = "UPDATE orders_order SET owner = $1 WHERE id % 50 = 5"
        await running.db.execute(sql, user)
    made = {}
    for page in PAGES:
        times = []
        for _run in range(RUNS):
            begin = time.perf_counter()
            answer = await client.get(page)
            times.append((time.perf_counter() - begin) * 1000)
        made[page] = statistics.median(times) if answer.status_code == 200 else -1.0  # noqa: PLR2004
    await client.aclose()
    return made


async def main() -> None:
    """Fill a site and print the medians."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with new_place(Path(tempfile.mkdtemp())) as place, place.start() as running:
        await enable_plugin(running.ctx, "orders", running.dsn)
        await running.rebuild()
        # Filling takes longer than a page may.
        connection = await asyncpg.connect(running.dsn)
        await connection.execute(_FILL)
        await connection.close()
        administrator = await _median(running, "administrator")
        seller = await _median(running, "seller")
    print(f"{'page':40} {'administrator':>14} {'seller':>8}  ms")
    for page in PAGES:
        print(f"{page:40} {administrator[page]:>14.1f} {seller[page]:>8.1f}")


if __name__ == "__main__":
    with scratch_server() as dsn:
        os.environ[DSN] = dsn
        uvloop.run(main())
