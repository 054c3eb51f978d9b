"""Messages as lines of a timeline, and the tab of its composer that sends one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import escape

from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.messages import MESSAGE, STATES
from crmkit.web.fields import show_text
from crmkit.web.format import format_moment
from crmkit.web.mail_fill import fill_template, receiver_language
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    ComposerKind,
    FieldInput,
    Link,
    Option,
    TimelineItem,
)
from crmkit.work.mail_accounts import accounts_to_write
from crmkit.work.mail_templates import best_versions, list_templates
from crmkit.work.messages import list_messages
from crmkit.work.outbox import readable_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.timeline import Entry

EMAIL = "email"
_LABELS = {choice.value: choice.label for choice in STATES}
_TROUBLED = {"bounced", "failed", "unclear"}


async def message_entries(ctx: Context, plan: EntityPlan, record_id: int) -> list[Entry]:
    """Answer the messages of a record as (moment, line)."""
    url = f"/{plan.name}/{record_id}"
    return [
        (each["at"], _line(ctx, each, url))
        for each in await list_messages(ctx, plan.name, record_id)
    ]


def _line(ctx: Context, each: dict[str, Any], url: str) -> TimelineItem:
    is_out = each["direction"] == "out"
    mine = each["owner"] is not None and each["owner"] == ctx.user_id
    links = [Link(label=file["name"], url=f"/mail/files/{file['id']}", icon="paperclip")
             for file in each["files"]]  # fmt: skip
    if each["state"] not in {"waiting", "sending", "draft"}:
        reply = f"{url}?{urlencode({'write': EMAIL, 'reply': each['id']})}"
        links.append(Link(label=_("Reply"), url=reply, icon="arrow-back-up"))
    elif each["state"] == "draft" and each["created_by"] == ctx.user_id:
        again = f"{url}?{urlencode({'write': EMAIL, 'draft': each['id']})}"
        links.append(Link(label=_("Go on writing"), url=again, icon="pencil"))
    share = Action(
        name="share",
        label=_("Share with the team") if each["private"] else _("Make private"),
        url=f"/mail/messages/{each['id']}/{'share' if each['private'] else 'hide'}",
        kind="ghost",
    )
    label = _LABELS[each["state"]]
    state = _(label) if each["state"] not in {"received", "sent"} else ""
    return TimelineItem(
        icon="send" if is_out else "mail",
        who=each["sender"] or _("Unknown sender"),
        what=escape(each["subject"] or _("Without a subject")),
        time=format_moment(ctx, each["at"]),
        iso=each["at"].isoformat(),
        text=each["body"],
        folded=each["quoted"],
        url=f"/{MESSAGE}/{each['id']}",
        due=": ".join(part for part in (state, each["error"]) if part) or None,
        tone="bad" if each["state"] in _TROUBLED else "",
        links=tuple(links),
        html_url=f"/mail/messages/{each['id']}/html" if each["has_html"] else None,
        actions=(share,) if mine else (),
        undo_url=f"/mail/messages/{each['id']}/undo"
        if each["state"] == "waiting" and each["created_by"] == ctx.user_id
        else None,
        id=f"m{each['id']}",
    )


async def _first_address(ctx: Context, plan: EntityPlan, record: dict[str, Any]) -> str:
    """Answer the address of a record, or of what it refers to, people first."""
    for field in plan.fields.values():
        if field.kind == "email" and record.get(field.name):
            return str(record[field.name])
    targets = [
        (field, ctx.site.entity(field.reference))
        for field in plan.fields.values()
        if field.reference and record.get(field.name)
    ]
    for field, target in sorted(targets, key=lambda pair: not pair[1].person):
        column = next((f.name for f in target.fields.values() if f.kind == "email"), "")
        if not column or target.plugin == "core":
            continue
        try:
            found = await ctx.get(target.name, record[field.name])
        except NotFoundError:
            continue
        if found.get(column):
            return str(found[column])
    return ""


async def mail_tab(
    ctx: Context,
    plan: EntityPlan,
    record: dict[str, Any],
    query: Mapping[str, str],
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> ComposerKind | None:
    """Answer the tab that writes a message; None where the person has no account to write by.

    Args:
        query: Of the page: `reply` or `draft` to the number of a message.
        typed: What was sent and is wrong.
        problems: Field to what is wrong with it.
    """
    accounts = await accounts_to_write(ctx)
    if not accounts:
        return None
    values = dict(typed) if typed is not None else await _begin(ctx, plan, record, query)
    wrong = problems or {}
    chosen = values.get("account") or str(accounts[0].id)
    options = tuple(
        Option(value=str(each.id), label=each.address, selected=str(each.id) == chosen)
        for each in accounts
    )
    above = (
        FieldInput(name="to", label=_("To"), value=values.get("to", ""), required=True,
                   error=wrong.get("to"), autocomplete="off"),
        FieldInput(name="cc", label=_("Copy to"), value=values.get("cc", ""),
                   error=wrong.get("cc"), autocomplete="off"),
        FieldInput(name="subject", label=_("Subject"), value=values.get("subject", ""),
                   error=wrong.get("subject"), max_length=500, autocomplete="off"),
    )  # fmt: skip
    below = [FieldInput(name="files", label=_("Files"), kind="file", error=wrong.get("files"))]
    if len(accounts) > 1:
        below.append(FieldInput(name="account", label=_("From"), kind="select", value=chosen,
                                options=options))  # fmt: skip
    hidden = [FieldInput(name=name, label="", kind="hidden", value=values[name])
              for name in _HIDDEN if values.get(name)]  # fmt: skip
    return ComposerKind(
        name=EMAIL,
        label=_("E-mail"),
        icon="mail",
        action_url=f"/{plan.name}/{record['id']}/mail",
        submit=_("Send"),
        above=above,
        fields=(*below, *hidden),
        text_label=_("Text of the message"),
        multipart=True,
        text=values.get("text", ""),
        pick=await _pick(ctx, plan, record, values.get("template", ""), wrong.get("template")),
        pick_label=_("Fill in"),
        error=" ".join(f"{name}: {text}." for name, text in wrong.items() if name not in _FIELDS)
        or wrong.get("text"),
    )


_FIELDS = {"to", "cc", "subject", "files", "text", "template"}
_HIDDEN = ("reply", "draft", "filled_text", "filled_subject")


async def _pick(
    ctx: Context, plan: EntityPlan, record: dict[str, Any], chosen: str, problem: str | None
) -> FieldInput | None:
    """Answer the choice of templates, each in the receiver's language; None without any."""
    templates = await list_templates(ctx, plan.name)
    if not templates:
        return None
    language = await receiver_language(ctx, plan, record, templates)
    best = best_versions(templates, language, ctx.config.language)
    options = tuple(
        Option(value=str(each.id), label=f"{each.name} ({each.language})",
               selected=str(each.id) == chosen)
        for each in best
    )  # fmt: skip
    return FieldInput(name="template", label=_("Template"), kind="select", options=options,
                      value=chosen, error=problem)  # fmt: skip


async def filled(
    ctx: Context, plan: EntityPlan, record: dict[str, Any], typed: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Answer what was typed with a template put in, and what is wrong with it.

    Nothing a person wrote is lost: it stands below the text of the template, and its subject
    stays. What an earlier template put in is replaced.
    """
    found = dict(typed)
    templates = await list_templates(ctx, plan.name)
    template = next((each for each in templates if str(each.id) == typed.get("template")), None)
    if template is None:
        return found, {"template": _("Choose a template first.")}
    try:
        subject, text = await fill_template(ctx, plan, record, template)
    except InvalidError as error:
        return found, {"template": error.message}
    written = _lines(typed.get("text", "")).removeprefix(_lines(typed.get("filled_text", "")))
    found["text"] = f"{text}\n\n{written.strip()}" if written.strip() else text
    found["filled_text"] = text
    kept = typed.get("subject", "").strip()
    begun = await _begin(ctx, plan, record, {})
    own = {"", begun.get("subject", ""), typed.get("filled_subject", "")}
    if subject and kept in own and not typed.get("reply"):
        found["subject"] = found["filled_subject"] = subject
    return found, {}


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


async def _begin(
    ctx: Context, plan: EntityPlan, record: dict[str, Any], query: Mapping[str, str]
) -> dict[str, str]:
    """Answer what the tab begins with: an answer, a draft, or the address of the record."""
    for name in ("reply", "draft"):
        number = query.get(name, "")
        if not number.isdecimal():
            continue
        try:
            old = await readable_message(ctx, int(number[:18]))
        except NotFoundError:
            continue
        if name == "draft" and old["state"] == "draft" and old["created_by"] == ctx.user_id:
            people = old["people"]
            return {
                "to": _join(people.get("to", ())), "cc": _join(people.get("cc", ())),
                "subject": old["subject"], "text": old["body"], "draft": number,
                "account": str(old["account"] or ""),
            }  # fmt: skip
        if name == "reply":
            people = old["people"]
            whom = people.get("to") if old["direction"] == "out" else (
                people.get("reply_to") or people.get("from"))  # fmt: skip
            subject = old["subject"]
            if not subject.lower().startswith("re:"):
                subject = f"Re: {subject}"
            return {"to": _join(whom or ()), "subject": subject[:500], "reply": number,
                    "account": str(old["account"] or "")}  # fmt: skip
    if plan.name == MESSAGE:
        return {}
    address = await _first_address(ctx, plan, record)
    return {"to": address, "subject": show_text(ctx, plan.title_field, record)
            if not plan.person else ""}  # fmt: skip


def _join(pairs: Any) -> str:  # noqa: ANN401 - JSON
    return ", ".join(f'"{name}" <{address}>' if name else address for name, address in
                     ((str(n).replace('"', ""), a) for n, a in pairs))  # fmt: skip
