"""What a shared mailbox answers by itself: the form on the page of its account."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from crmkit.model.context import Context
from crmkit.web.policy import ADMIN
from crmkit.web.render import go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, Flash, FormGroup, FormPage, Option
from crmkit.work.mail_accounts import MailAccount
from crmkit.work.mail_receipts import choose_receipt, receipt_templates

_MAIL = "/settings/mail"


async def receipt_form(ctx: Context, account: MailAccount) -> tuple[FormPage, ...]:
    """Answer the form that chooses the receipt; nothing where none may be chosen."""
    if account.owner is not None or not is_admin(ctx.principal):
        return ()
    names = {each.name: None for each in await receipt_templates(ctx)}
    # One that is gone stays shown, so that an administrator sees why nobody is answered.
    names |= {account.receipt: None} if account.receipt else {}
    chosen = FieldInput(
        name="receipt", label=_("Answer with"), kind="select", value=account.receipt, required=True,
        options=(
            Option(value="", label=_("Nothing"), selected=not account.receipt),
            *(Option(value=name, label=name, selected=name == account.receipt) for name in names),
        ),
        help=_("Mail templates for any record, in the language of the sender."),
    )  # fmt: skip
    form = FormPage(
        title=_("Receipt"),
        intro=_("Who begins a conversation is answered at once, each address at most once a day. "
                "Machines, mailing lists and answers are not."),
        groups=(FormGroup(fields=(chosen,)),),
        action_url=f"{_MAIL}/{account.id}/receipt",
        cancel_url=_MAIL,
        submit=_("Save"),
    )  # fmt: skip
    return (form,)


@post(_MAIL + "/{number:int}/receipt", policy=ADMIN)
async def receipt_update(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Choose what an account answers by itself."""
    form = await request.form()
    await choose_receipt(context_of(request), min(number, 2**62), str(form.get("receipt", "")))
    return go(request, f"{_MAIL}/{number}", Flash(text=_("Saved")))


HANDLERS = (receipt_update,)
