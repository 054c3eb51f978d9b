"""Messages written, taken back, shared and shown; files of them."""

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from crmkit.access.messages import message_rule
from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.messages import MESSAGE
from crmkit.plugin.plan import EntityPlan
from crmkit.records.read import get_record
from crmkit.web.fields import show_text
from crmkit.web.message_html import message_page
from crmkit.web.message_view import EMAIL, filled, mail_tab
from crmkit.web.policy import SIGNED_IN
from crmkit.web.record_page import crumbs_of, full_page, plan_of
from crmkit.web.render import answer, came_from, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, Flash, FormGroup, FormPage, Link, SettingsPage
from crmkit.work.mail_accounts import accounts_to_write
from crmkit.work.mail_links import forward_address
from crmkit.work.outbox import (
    Outgoing,
    file_of,
    readable_message,
    secret_of,
    send_message,
    share_message,
    undo_sending,
)

_LARGEST = 24_000_000


def _number(text: str) -> int:
    return int(text[:18]) if text.isdecimal() else 0


@post("/{entity:str}/{record_id:int}/mail", policy="entity.read", request_max_body_size=_LARGEST)
async def mail_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Send a message from a record; what was typed stays when it cannot be sent."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    form = await request.form()
    typed = {name: str(value) for name, value in form.items() if isinstance(value, str)}
    if typed.pop("fill", ""):
        record = await get_record(ctx, plan, record_id)
        typed, wrong = await filled(ctx, plan, record, typed)
        return await _again(request, plan, record_id, typed, wrong)
    files = [
        file_of(sent.filename, await sent.read())
        for sent in form.getall("files", [])
        if isinstance(sent, UploadFile) and sent.filename
    ]
    is_message = entity == "core.message"
    draft = Outgoing(
        account=_number(typed.get("account", "")),
        to=typed.get("to", ""),
        cc=typed.get("cc", ""),
        subject=typed.get("subject", ""),
        text=typed.get("text", ""),
        entity="" if is_message else entity,
        record=0 if is_message else record_id,
        reply_to=_number(typed.get("reply", "")),
        draft=_number(typed.get("draft", "")),
        files=files,
    )
    try:
        await get_record(ctx, plan, record_id)
        number = await send_message(ctx, draft)
    except InvalidError as error:
        wrong = error.problems or {"": error.message.rstrip(".")}
        return await _again(request, plan, record_id, typed, wrong, error.message)
    flash = Flash(text=_("It is sent in ten seconds"), undo_url=f"/mail/messages/{number}/undo")
    return go(request, f"/{entity}/{record_id}", flash)


async def _again(
    request: AnyRequest,
    plan: EntityPlan,
    record_id: int,
    typed: dict[str, str],
    wrong: dict[str, str],
    message: str = "",
) -> Response[Any]:
    """Show the record again with what was typed, and what is wrong with it."""
    ctx = context_of(request)
    page = await full_page(ctx, plan, record_id)
    record = await get_record(ctx, plan, record_id)
    tab = await mail_tab(ctx, plan, record, {}, typed, wrong)
    if tab is None:
        raise InvalidError(_("You have no mail account yet. Add one in Settings, Mail."))
    tab = msgspec.structs.replace(tab, current=True, error=tab.error or message or None)
    others = [
        msgspec.structs.replace(each, current=False) for each in page.composer if each.name != EMAIL
    ]
    page = msgspec.structs.replace(page, composer=(*others, tab))
    crumbs = crumbs_of(plan, page.title)
    return answer(
        request, "record.html", title=page.title, block="timeline", status=422 if wrong else 200,
        crumbs=crumbs, page=page,
    )  # fmt: skip


@post("/mail/messages/{number:int}/undo", policy=SIGNED_IN)
async def mail_undo(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Take a message back; it stays as a draft."""
    await undo_sending(context_of(request), number)
    return go(request, came_from(request), Flash(text=_("Taken back; it is a draft now")))


@post("/mail/messages/{number:int}/share", policy=SIGNED_IN)
async def mail_share(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Show a message to all who may read its records."""
    await share_message(context_of(request), number, private=False)
    return go(request, came_from(request), Flash(text=_("Shared")))


@post("/mail/messages/{number:int}/hide", policy=SIGNED_IN)
async def mail_hide(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Keep a message to oneself again."""
    await share_message(context_of(request), number, private=True)
    return go(request, came_from(request), Flash(text=_("Only you see it now")))


@get("/mail/files/{number:int}", policy=SIGNED_IN)
async def mail_file(request: AnyRequest, number: FromPath[int]) -> Response[bytes]:
    """Send an attachment, always to be saved: what strangers send is not opened here."""
    ctx = context_of(request)
    rule = message_rule(ctx, "t", 2)
    row = await ctx.db.row(
        "SELECT f.name, f.content FROM core_message_file f "  # noqa: S608
        "JOIN core_message t ON t.id = f.message AND t.trashed_at IS NULL "
        f"WHERE f.id = $1 AND ({rule.text})",
        min(number, 2**62), *rule.args,
    )  # fmt: skip
    if row is None:
        raise NotFoundError(_("There is no such file."))
    return Response(
        row["content"],
        media_type="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['name'])}"},
    )


@get("/mail/messages/{number:int}/html", policy=SIGNED_IN)
async def mail_html(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Show a message as it was formatted; it asks no other server for anything."""
    ctx = context_of(request)
    page = await message_page(ctx, await readable_message(ctx, number))
    crumbs = (Link(label=_("Messages"), url=f"/{MESSAGE}"),
              Link(label=page.title, url=f"/{MESSAGE}/{number}"))  # fmt: skip
    return answer(
        request, "message.html", title=page.title, block="message", crumbs=crumbs, page=page
    )


@get("/{entity:str}/{record_id:int}/mail/address", policy="entity.read")
async def mail_address(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[str]:
    """Show the addresses to which mail is forwarded that is to lie on a record."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    record = await get_record(ctx, plan, record_id)
    url, secret = f"/{plan.name}/{record_id}", secret_of(ctx)
    fields = tuple(
        FieldInput(
            name=f"address-{each.id}", label=_("Shared") if each.owner is None else _("My own"),
            value=forward_address(secret, each.address, (plan.name, record_id)), readonly=True,
            required=True, wide=True,
        )
        for each in await accounts_to_write(ctx)
        if each.imap_host
    )  # fmt: skip
    add = Link(label=_("Add a mail account"), url="/settings/mail", icon="mail",
               help=_("No account of yours is read yet."))  # fmt: skip
    back = FormPage(
        title=show_text(ctx, plan.title_field, record), groups=(FormGroup(fields=fields),),
        action_url=url, cancel_url=url, submit=_("Done"), is_get=True,
    )  # fmt: skip
    page = SettingsPage(
        title=_("Forward mail here"),
        intro=_("What is forwarded to this address lies on the record, whoever wrote it. The mail "
                "server must take addresses with a plus sign; most do."),
        links=() if fields else (add,),
        forms=(back,),
    )  # fmt: skip
    return answer(request, "settings.html", title=page.title, page=page)


HANDLERS = (mail_address, mail_create, mail_undo, mail_share, mail_hide, mail_file, mail_html)
