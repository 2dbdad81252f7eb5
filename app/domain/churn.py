"""How often the stops of one account may be moved for the sake of a better price (hazard 20)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

BUDGETS = ((20, timedelta(seconds=10)), (60, timedelta(minutes=1)))
"""(moves, within how long)."""
MOST_MOVES = max(most for most, _ in BUDGETS)


def next_move_at(moves: Sequence[datetime], now: datetime) -> datetime:
    """When a move that can wait may be made: `now` where every budget has room for it.

    `moves` are the account's last ones, oldest first, at least `MOST_MOVES` of them where there were so many. Those
    that cannot wait, since what is open would be protected wrongly, neither ask nor count.
    """
    full = [moves[-most] + span for most, span in BUDGETS if len(moves) >= most]
    return max([now, *full])
