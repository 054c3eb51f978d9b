"""Tabs above a list: all, one's own, and what people saved."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from crmkit.records.filters import Filter
from crmkit.web.list_url import parse_state
from crmkit.web.translate import _
from crmkit.web.views import Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.saved_views import SavedView
    from crmkit.web.list_url import ListState
    from crmkit.web.views import ListPage

_MINE = Filter("owner", "me")


def with_views(
    page: ListPage, state: ListState, plan: EntityPlan, saved: Sequence[SavedView]
) -> ListPage:
    """Answer the page with its tabs; saving is offered once the list differs from all of them."""
    path = f"/{plan.name}"
    tabs: list[tuple[str, str, str | None]] = [(_("All"), path, None)]
    if "owner" in plan.fields:
        mine = parse_state(path, ()).url(filters=(_MINE,))
        tabs.append((_("Mine"), mine, None))
    for view in saved:
        # Saved queries are read and written again, so that old spellings compare as well.
        url = parse_state(path, parse_qsl(view.state)).url()
        tabs.append((view.name, url, f"{path}/views/{view.id}/delete" if view.mine else None))
    here = state.url()
    current = next((index for index, (_label, url, _del) in enumerate(tabs) if url == here), None)
    return msgspec.structs.replace(
        page,
        views=tuple(
            Link(label=label, url=url, current=index == current,
                 count=page.total if index == current and not page.groups else None)
            for index, (label, url, _delete) in enumerate(tabs)
        ),
        save_view_url=f"{path}/views" if current is None else None,
        delete_view_url=tabs[current][2] if current is not None else None,
    )  # fmt: skip
