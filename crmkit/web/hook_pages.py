"""What the pages of webhooks share, those that tell and those that are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.web.pages.settings import settings_tabs
from crmkit.web.render import answer
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    Column,
    Empty,
    FieldInput,
    FormGroup,
    FormPage,
    Link,
    SettingsPage,
    TablePage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar import Response

    from crmkit.errors import InvalidError
    from crmkit.web.services import AnyRequest
    from crmkit.web.views import Row

OUT, IN = "/settings/webhooks", "/settings/webhooks/incoming"
#: The largest number of a row.
MOST = 2**63 - 1


def list_page(
    request: AnyRequest,
    url: str,
    *,
    labels: Mapping[str, str],
    rows: Sequence[tuple[Row, tuple[Action, ...]]],
    new: str,
    intro: str,
    none: str,
) -> Response[str]:
    """Answer the page that lists webhooks.

    Args:
        url: OUT or IN.
        new: What the button says that makes another one.
        none: What the empty list says.
    """
    ways = ((_("Outgoing"), OUT), (_("Incoming"), IN))
    button = Link(label=new, url=f"{url}/new", icon="plus")
    page = TablePage(
        title=_("Webhooks"),
        intro=intro,
        tabs=settings_tabs(request),
        filters=tuple(Link(label=text, url=way, current=way == url) for text, way in ways),
        columns=tuple(Column(name=name, label=label) for name, label in labels.items()),
        rows=tuple(row for row, _actions in rows),
        row_actions=tuple((row.id, actions) for row, actions in rows),
        actions=(Action(name="new", label=new, url=button.url, method="get", kind="primary"),),
        empty=Empty(title=none, icon="plug", actions=(button,)),
    )
    return answer(request, "table.html", title=page.title, page=page)


def row_actions(base: str, *more: Action, is_on: bool) -> tuple[Action, ...]:
    """Answer the buttons of a webhook: those given, the switch, and removing it."""
    switch = Action(name="off", label=_("Switch off"), url=f"{base}/off", icon="x")
    if not is_on:
        switch = Action(name="on", label=_("Switch on"), url=f"{base}/on", icon="player-play")
    remove = Action(
        name="remove", label=_("Remove"), url=f"{base}/remove", icon="trash", kind="danger",
        confirm=_("Its log goes as well."),
    )  # fmt: skip
    return *more, switch, remove


def form_page(
    request: AnyRequest,
    url: str,
    *,
    title: str,
    fields: tuple[FieldInput, ...],
    submit: str,
    error: InvalidError | None,
    back: str,
) -> Response[str]:
    """Answer a form of one group; what was wrong stands at its field."""
    page = FormPage(
        title=title, groups=(FormGroup(fields=fields),), action_url=url, cancel_url=back,
        submit=submit, errors=(error.message,) if error and not error.problems else (),
    )  # fmt: skip
    return answer(request, "form.html", title=title, status=422 if error else 200, page=page)


def shown_once(
    request: AnyRequest, title: str, back: str, *shown: tuple[str, str, str, str]
) -> Response[Any]:
    """Answer the page with what nobody sees again.

    Args:
        shown: Name, label, value and explanation of each.
    """
    fields = tuple(
        FieldInput(name=name, label=label, value=value, readonly=True, required=True, wide=True,
                   help=told)
        for name, label, value, told in shown
    )  # fmt: skip
    done = FormPage(
        title="", groups=(FormGroup(fields=fields),), action_url=back, cancel_url=back,
        submit=_("Done"), is_get=True,
    )  # fmt: skip
    page = SettingsPage(title=title, tabs=settings_tabs(request), forms=(done,))
    return answer(request, "settings.html", title=title, page=page)
