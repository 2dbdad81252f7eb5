"""Open groups on accounts that are not in the settings any more: nothing here can reach them (hazard 36)."""

from __future__ import annotations

from app.domain.group import Group
from app.engine.turn import Turn


def ownerless(turn: Turn) -> dict[str, list[Group]]:
    """By the account that is gone."""
    found: dict[str, list[Group]] = {}
    for group in turn.open_groups():
        if group.account not in turn.state.accounts:
            found.setdefault(group.account, []).append(group)
    return found


def why_not(account: str) -> str:
    return f"the account {account} is not in the settings: put it back, or look after the position at the exchange"


def tell(turn: Turn) -> None:
    for account, groups in ownerless(turn).items():
        names = ", ".join(f"{group.symbol} {group.timeframe} {group.side}" for group in groups)
        turn.alert("critical", f"nothing watches, stops or closes {names}: {why_not(account)}", account=account)
