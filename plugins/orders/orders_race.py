"""A race of orders: people who do something at once, and guards that can be taken away."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit.db.engine import Database
from crmkit.errors import CrmkitError, HookFailedError, UnavailableError
from crmkit.records.actions import run_action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import pytest

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

    Work = Sequence[Awaitable[Any]]
    Guard = Callable[[pytest.MonkeyPatch], None]

ORDER, QUOTE, PRODUCT = "orders.order", "orders.quote", "orders.product"
LINE, DELIVERY, RECEIPT = "orders.order_line", "orders.delivery", "orders.receipt"
#: Seconds within which those of a round begin.
_SPREAD = 0.004
#: Seconds for which a lock that is gone is not missed, else the others come too late to see it.
_WINDOW = 0.02


@dataclass
class Race:
    """What the rounds of a race have in common: a shop, and when each begins."""

    running: Running
    ctx: Context
    shop: dict[str, int]
    chance: random.Random
    #: Drafts that a round left over.
    drafts: list[int] = field(default_factory=list)

    async def at_once(self, work: Work) -> tuple[list[Any], list[CrmkitError]]:
        """Do all of it, in an order of chance; answer what came of it, and what was refused."""

        async def begin(each: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever it answers
            await asyncio.sleep(self.chance.uniform(0, _SPREAD))
            return await each

        shuffled = self.chance.sample(list(work), len(work))
        done, refused = [], []
        for each in await asyncio.gather(*map(begin, shuffled), return_exceptions=True):
            # Who comes too late is told why; nothing fails, and nobody is sent away to try again.
            assert not isinstance(each, HookFailedError | UnavailableError), each
            if isinstance(each, CrmkitError):
                refused.append(each)
            elif isinstance(each, BaseException):
                raise each
            else:
                done.append(each)
        return done, refused

    async def act(self, action: str, record: int, /, version: int | None = None, **raw: str) -> int:
        """Do `orders.<entity>/<action>` with a record and answer the id of what it leads to."""
        entity, _slash, name = action.partition("/")
        plan = self.ctx.site.entity(entity)
        result = await run_action(self.ctx, plan, name, record, raw, version)
        return int(result.url.rpartition("/")[2])

    async def draft(self, *quantities: int, products: Sequence[str] = ("pro",), **more: Any) -> int:  # noqa: ANN401
        """Make a draft of an order with a line for each product."""
        values = {"company": self.shop["company"], "person": self.shop["person"], **more}
        order = await self.ctx.create(ORDER, currency="EUR", owner=9001, **values)
        for name, quantity in zip(products, quantities, strict=False):
            await self.ctx.create(
                LINE, order=order, product=self.shop[name], quantity=Decimal(quantity)
            )
        return order

    async def confirmed(self, *quantities: int) -> int:
        """Make an order that is confirmed."""
        order = await self.draft(*quantities)
        await self.act("orders.order/confirm", order)
        return order

    async def stock(self, on_hand: int) -> None:
        """Count so many controllers."""
        await self.act("orders.product/count", self.shop["pro"], on_hand=str(on_hand))

    async def counts(self) -> tuple[int, int]:
        """Answer how many controllers are there, and how many of them are reserved."""
        product = await self.ctx.get(PRODUCT, self.shop["pro"])
        return int(product["on_hand"] or 0), int(product["reserved"] or 0)

    async def count(self, sql: str, *args: object) -> int:
        """Count rows."""
        return int(await self.ctx.db.value(f"SELECT count(*) FROM {sql}", *args))

    async def mails(self, order: int) -> int:
        """Count the mails that name the number of an order."""
        number = (await self.ctx.get(ORDER, order))["number"]
        return await self.count("core_message WHERE subject LIKE '%' || $1", number)

    async def line(self, order: int) -> dict[str, Any]:
        """Answer the one line of an order."""
        row = await self.ctx.db.row('SELECT * FROM orders_order_line WHERE "order" = $1', order)
        assert row is not None
        return dict(row)


async def begin(running: Running, shop: dict[str, int], many: int, seed: int) -> Race:
    """Open so many connections as there are people, and count the stock of controllers."""
    # Who waits for long is sent away, which a slow machine must not decide; who locks out is not.
    db = Database(
        running.dsn,
        pool_min=2,
        pool_max=max(many, 4),
        timeout=120,
        settings={"lock_timeout": "60s"},
    )
    await db.open()
    race = Race(running, replace(running.ctx, db=db), shop, random.Random(seed))  # noqa: S311 - no secret
    for name in ("pro", "kit"):
        await race.ctx.save(PRODUCT, shop[name], is_stocked=True, may_go_negative=name == "kit")
    return race


def without(text: str, instead: str = "") -> Guard:
    """Answer what lets every statement run without a text, and others see what they should not."""

    def remove(monkeypatch: pytest.MonkeyPatch) -> None:
        call = Database._call

        async def unguarded(db: Database, method: str, sql: str, args: Any, *, retry: bool) -> Any:  # noqa: ANN401 - as the method
            found = await call(db, method, sql.replace(text, instead), args, retry=retry)
            if text in sql:
                await asyncio.sleep(_WINDOW)
            return found

        monkeypatch.setattr(Database, "_call", unguarded)

    return remove
