"""What a client asks on the page of a quote: a task of whoever made it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from crmkit import N_, ConflictError, FromPath, Request, Response, go, post, speaking
from crmkit_orders.pages import open_quote, show_quote
from crmkit_orders.reading import read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

_LONGEST = 2000
#: Questions on one quote in one day; whoever has more writes or calls.
MOST = 10


async def ask(ctx: Context, quote: Mapping[str, Any], text: str) -> None:
    """Note a question of a client and tell the owner; sent again, it is the same question.

    Raises:
        ConflictError: It is empty, or there were very many already today.
    """
    if not text:
        raise ConflictError(ctx.translate(N_("Write your question first.")))
    async with ctx.db.transaction():
        # Two clicks take turns, so that the second finds what the first one wrote.
        await ctx.get("orders.quote", quote["id"], lock=True)
        with speaking(ctx, ctx.config.language) as ours:
            told = ours.translate(N_("Question on quote {number}"))
        subject = told.format(number=quote["number"])
        asked = await read_rows(
            ctx,
            "SELECT body FROM crm_activity WHERE subject = $1 AND created_at > $2",
            subject,
            ctx.now() - timedelta(days=1),
        )
        if any(row["body"] == text for row in asked):
            return
        if len(asked) >= MOST:
            raise ConflictError(ctx.translate(N_("That is a lot to ask. Please write us a mail.")))
        task = await ctx.create(
            "crm.activity", subject=subject, kind="task", body=text, direction="in",
            due_at=ctx.now(), company=quote["company"], person=quote["person"],
            opportunity=quote["opportunity"], owner=quote["owner"],
        )  # fmt: skip
        if quote["owner"]:
            await ctx.notify(
                [quote["owner"]], "orders.client", N_("{quote}: the client has a question."),
                values={"quote": str(quote["number"])}, entity="crm.activity", record_id=task,
                key=f"question:{task}",
            )  # fmt: skip


@post("/orders/quotes/{token:str}/question", policy="public")
async def question_create(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """Take a question of the client; the answer comes by mail or telephone."""
    ctx, quote = await open_quote(request, token)
    text = str((await request.form()).get("question") or "").replace("\x00", "").strip()
    try:
        await ask(ctx, quote, text[:_LONGEST])
    except ConflictError as error:
        return await show_quote(request, token, error.message, 409)
    return go(request, f"/orders/quotes/{token}?asked=1")


QUESTIONS = (question_create,)
