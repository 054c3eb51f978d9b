"""What a company decides of the built-in plugin."""

from __future__ import annotations

from typing import Annotated

import msgspec

from crmkit import N_

#: Of a day; more than a week before nobody needs to be reminded.
_MOST_MINUTES = 7 * 24 * 60
_MOST_HOURS = 1000


class Settings(msgspec.Struct, frozen=True):
    """When people are reminded of their activities.

    Attributes:
        minutes_before: Minutes before an activity is due; 0 reminds nobody beforehand.
        at_due: Whether the doer hears of it at the moment as well.
        hours_after: Business hours after it until the responsible hears; twice as many later the
            manager does, four times as many the one above; 0 tells nobody.
        approve_from: Deals of this amount and above, in the site's currency, are won with the
            approval of a person who did not work on them; 0 needs nobody.
    """

    minutes_before: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=_MOST_MINUTES, title=N_("Minutes before an activity is due"),
            description=N_("The doer is reminded then; 0 is not at all."),
        ),
    ] = 15  # fmt: skip
    at_due: Annotated[bool, msgspec.Meta(title=N_("Also when it is due"))] = True
    hours_after: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=_MOST_HOURS, title=N_("Business hours after it"),
            description=N_(
                "Then the owner of the client or deal hears of it, later the managers; "
                "0 is nobody."
            ),
        ),
    ] = 4  # fmt: skip
    approve_from: Annotated[
        int,
        msgspec.Meta(
            ge=0, title=N_("Deals that need a second person"),
            description=N_(
                "From this amount on a deal is won with the approval of a person who did not "
                "work on it; 0 needs nobody."
            ),
        ),
    ] = 0  # fmt: skip
