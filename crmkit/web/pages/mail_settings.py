"""Mail accounts: one's own, those of the company, and what needs a decision."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import ForbiddenError, InvalidError
from crmkit.model.context import Context
from crmkit.model.job import JobOrder
from crmkit.web.format import format_number
from crmkit.web.pages.mail_receipts import receipt_form
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.policy import ADMIN, SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    FieldInput,
    Flash,
    FormGroup,
    FormPage,
    Link,
    Option,
    SettingsPage,
)
from crmkit.work.jobs import enqueue
from crmkit.work.mail_accounts import (
    MailAccount,
    find_account,
    list_accounts,
    may_change,
    remove_account,
    save_account,
)
from crmkit.work.mail_answers import count_lost, resend_lost
from crmkit.work.mail_checking import PRESETS
from crmkit.work.mail_trying import try_account

_MAIL = "/settings/mail"
_LONGEST_SIGNATURE = 2000


async def _form(
    ctx: Context, typed: Mapping[str, str], number: int, problems: Mapping[str, str]
) -> FormPage:
    providers = sorted((one, each.label or one) for one, each in ctx.config.mail.oauth.items())
    labels = {
        "address": _("E-mail address"),
        "name": _("Name that people see"),
        **({"oauth": _("Signs in by")} if providers else {}),
        "password": _("Password or refresh token") if providers else _("Password"),
        "username": _("User name"),
        "smtp_host": _("Server for sending"),
        "smtp_port": _("Its port"),
        "smtp_tls": _("Its encryption"),
        "imap_host": _("Server for reading"),
        "imap_port": _("Port for reading"),
        "imap_tls": _("Encryption for reading"),
        "folders": _("Folders"),
        "share_with": _("Share mail with"),
        "keep_private": _("Never share mail with"),
    }
    helps = {
        "password": _("Many hosts want an app password, made on their pages.")
        + (" " + _("Empty keeps the one that is stored.") if number else ""),
        "smtp_host": _("Leave it empty for: %(hosts)s") % {"hosts": ", ".join(sorted(PRESETS))},
        "imap_host": _("Empty reads no mail."),
        "username": _("Empty is the address."),
        "folders": _("Names with commas between. Empty reads the inbox and what was sent."),
        "share_with": _(
            "Addresses or domains with commas between; * is everybody. Who may read a "
            "record sees such messages on it, those that come from now on."
        ),
        "keep_private": _("Written the same way; it wins over the line above."),
    }

    def one(name: str) -> FieldInput:
        options: tuple[tuple[str, str], ...] = (
            ("implicit", _("From the first byte (465, 993)")),
            ("starttls", _("STARTTLS (587, 143)")),
            ("plain", _("None, for a server on this machine")),
        )
        if name == "oauth":
            options = (("", _("Password")), *providers)
        value = typed.get(name, "")
        is_choice = name.endswith("_tls") or name == "oauth"
        return FieldInput(
            name=name, label=labels[name], value="" if name == "password" else value,
            kind="password" if name == "password" else "select" if is_choice else "text",
            help=helps.get(name), error=problems.get(name),
            required=name == "address" or name.endswith("_tls"),
            autocomplete="new-password" if name == "password" else "off",
            options=tuple(Option(value=key, label=text, selected=key == value)
                          for key, text in options) if is_choice else (),
        )  # fmt: skip

    first, rules = ("address", "name", "oauth", "password"), ("share_with", "keep_private")
    servers = (name for name in labels if name not in (*first, *rules))
    groups = [
        FormGroup(fields=tuple(one(name) for name in first if name in labels)),
        FormGroup(label=_("Servers"), fields=tuple(one(name) for name in servers)),
    ]
    if not (number and typed.get("shared")):
        told = FormGroup(label=_("Who else sees it"), fields=tuple(one(name) for name in rules))
        groups.append(told)
    if is_admin(ctx.principal):
        flags = [
            FieldInput(name=name, label=label, kind="checkbox", value="1",
                       checked=bool(typed.get(name)), help=told)
            for name, label, told in (
                ("shared", _("Shared"),
                 _("Whoever may read a record sees its messages of this account.")),
                ("sends_notices", _("Sends notices"),
                 _("Messages that nobody in particular writes leave by it.")),
            )
            if not (number and name == "shared")
        ]  # fmt: skip
        groups.append(FormGroup(label=_("For the company"), fields=tuple(flags)))
    return FormPage(
        title=_("Mail account") if number else _("Add a mail account"),
        groups=tuple(groups),
        action_url=f"{_MAIL}/{number}" if number else f"{_MAIL}/new",
        cancel_url=_MAIL,
        submit=_("Save and test"),
        errors=tuple(text for name, text in problems.items() if name not in labels),
    )


@get(_MAIL, policy=SIGNED_IN)
async def mail_settings(request: AnyRequest) -> Response[str]:
    """Show one's own accounts and signature, and a form for another account."""
    return await _page(request)


async def _page(
    request: AnyRequest,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response[str]:
    ctx = context_of(request)
    signature = await ctx.db.value(
        "SELECT mail_signature FROM core_user WHERE id = $1", ctx.user_id
    )
    accounts = [each for each in await list_accounts(ctx) if may_change(ctx, each)]
    links = tuple(
        Link(label=each.address, url=f"{_MAIL}/{each.id}", icon="mail",
             help=each.trouble or (_("Shared") if each.owner is None else _("Works")))
        for each in accounts
    )  # fmt: skip
    field = FieldInput(name="signature", label=_("Signature"), kind="textarea", wide=True,
                       value=signature or "", max_length=_LONGEST_SIGNATURE)  # fmt: skip
    forms = (
        *(await _lost(ctx) if is_admin(ctx.principal) else ()),
        *_sign_ins(ctx),
        await _form(ctx, typed or {}, 0, problems or {}),
        FormPage(
            title=_("Signature"),
            groups=(FormGroup(fields=(field,)),),
            action_url=f"{_MAIL}/signature",
            cancel_url=_MAIL,
            submit=_("Save"),
        ),
    )
    page = SettingsPage(
        title=_("Mail"),
        intro=_("What you send from a record, and the answers, stand on its timeline. Only you "
                "see the messages of your own account until you share one."),
        tabs=settings_tabs(request),
        links=links,
        forms=forms,
    )  # fmt: skip
    status = 422 if problems else 200
    return answer(request, "settings.html", title=page.title, status=status, page=page)


def _sign_ins(ctx: Context) -> tuple[FormPage, ...]:
    """Answer a button for each provider that people sign in at."""
    return tuple(
        FormPage(
            title="",
            groups=(),
            action_url=f"{_MAIL}/oauth/{quote(name, safe='')}",
            cancel_url=_MAIL,
            submit=_("Sign in at %(name)s") % {"name": provider.label or name},
            is_get=True,
        )
        for name, provider in sorted(ctx.config.mail.oauth.items())
        if provider.authorize_url
    )


def _sign_in_again(ctx: Context, account: MailAccount) -> tuple[FormPage, ...]:
    """Answer the button that renews the consent; nothing where a token is pasted."""
    provider = ctx.config.mail.oauth.get(account.oauth)
    if provider is None or not provider.authorize_url:
        return ()
    again = FormPage(
        title="",
        intro=account.error or _("Needed only when the provider took the access away."),
        groups=(),
        action_url=f"{_MAIL}/oauth/{quote(account.oauth, safe='')}",
        cancel_url=_MAIL,
        submit=_("Sign in again at %(name)s") % {"name": provider.label or account.oauth},
        hidden=(("account", str(account.id)),),
    )
    return (again,)


async def _lost(ctx: Context) -> tuple[FormPage, ...]:
    """Answer the button that sends again what found no account; nothing where none is lost."""
    count = await count_lost(ctx)
    if not count:
        return ()
    told = _("%(n)s notices had no account to leave by. Mark one that sends notices, then send "
             "them again.")  # fmt: skip
    again = FormPage(
        title=_("Notices that were not sent"),
        intro=told % {"n": format_number(ctx, count)},
        groups=(),
        action_url=f"{_MAIL}/resend",
        cancel_url=_MAIL,
        submit=_("Send them again"),
    )
    return (again,)


async def _edit_page(
    request: AnyRequest,
    account: MailAccount,
    typed: Mapping[str, str],
    problems: Mapping[str, str],
) -> Response[str]:
    ctx, number = context_of(request), account.id
    remove = Action(name="remove", label=_("Remove this account"), kind="danger",
                    url=f"{_MAIL}/{number}/remove", icon="trash",
                    confirm=_("Its password is forgotten; its messages stay."))  # fmt: skip
    receipt = await receipt_form(ctx, await find_account(ctx, number))
    page = SettingsPage(
        title=_("Mail account"),
        tabs=settings_tabs(request),
        forms=(
            *_sign_in_again(ctx, account),
            await _form(ctx, typed, number, problems),
            *receipt,
        ),
        danger=(remove,),
    )
    status = 422 if problems else 200
    return answer(request, "settings.html", title=page.title, status=status, page=page)


@get(_MAIL + "/{number:int}", policy=SIGNED_IN)
async def mail_account_show(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Show the form of an account."""
    ctx = context_of(request)
    account = await find_account(ctx, number)
    if not may_change(ctx, account):
        raise ForbiddenError(_("This mail account is somebody else's."))
    return await _edit_page(request, account, account.as_typed(), {})


async def _sent(request: AnyRequest) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


@post(_MAIL + "/new", policy=SIGNED_IN)
async def mail_account_create(request: AnyRequest) -> Response[Any]:
    """Keep a new account and try it."""
    typed = await _sent(request)
    try:
        number = await save_account(context_of(request), typed)
    except InvalidError as error:
        return await _page(request, typed, error.problems or {"": error.message})
    return await tried(request, number)


@post(_MAIL + "/{number:int}", policy=SIGNED_IN)
async def mail_account_update(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Keep an account and try it."""
    ctx, typed = context_of(request), await _sent(request)
    try:
        await save_account(ctx, typed, number)
    except InvalidError as error:
        account = await find_account(ctx, number)
        return await _edit_page(request, account, typed, error.problems or {"": error.message})
    return await tried(request, number)


async def tried(request: AnyRequest, number: int) -> Response[Any]:
    """Try an account, say what came of it, and begin to read it."""
    ctx = context_of(request)
    account = await find_account(ctx, number)
    problems = await try_account(ctx, account)
    if problems:
        flash = Flash(text=_("Saved, but: %(why)s") % {"why": " ".join(problems.values())},
                      kind="bad")  # fmt: skip
        return go(request, f"{_MAIL}/{number}", flash)
    order = JobOrder(args={"account": number}, key=str(number), lane=f"mailbox:{number}")
    await enqueue(ctx, "core.read_mailbox", [order])
    return go(request, _MAIL, Flash(text=_("Saved; sending and reading work")))


@post(_MAIL + "/{number:int}/remove", policy=SIGNED_IN)
async def mail_account_delete(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Forget an account."""
    await remove_account(context_of(request), number)
    return go(request, _MAIL, Flash(text=_("Removed")))


@post(_MAIL + "/resend", policy=ADMIN)
async def notices_resend(request: AnyRequest) -> Response[Any]:
    """Send the notices again that found no account to leave by."""
    count = await resend_lost(context_of(request))
    return go(request, _MAIL, Flash(text=_("%(n)s are sent again") % {"n": count}))


@post(_MAIL + "/signature", policy=SIGNED_IN)
async def signature_update(request: AnyRequest) -> Response[Any]:
    """Save what stands under one's own messages."""
    ctx = context_of(request)
    text = (await _sent(request)).get("signature", "").replace("\0", "")
    await ctx.db.execute(
        "UPDATE core_user SET mail_signature = $2 WHERE id = $1",
        ctx.user_id, text.strip()[:_LONGEST_SIGNATURE],
    )  # fmt: skip
    return go(request, _MAIL, Flash(text=_("Saved")))


HANDLERS = (
    mail_settings,
    mail_account_show,
    mail_account_create,
    mail_account_update,
    mail_account_delete,
    signature_update,
    notices_resend,
)
