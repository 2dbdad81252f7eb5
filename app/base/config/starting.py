"""Which settings count from the next start: all others count at once."""

from __future__ import annotations

from typing import Final

from app.base.config.groups import PAPER_ONLY
from app.base.config.tree import Config

AT_START: Final = (
    *(("api", name) for name in ("host", "port", "docs")),
    *(("webhook", name) for name in ("host", "port")),
    *(("paper", name) for name in ("feed", "feed_venue", "feed_file", "interval_sec", "volatility_percent", "seed")),
    ("paper", "latency_ms"),
    ("logging", "keep_days"),
)


def from_the_next_start(running: Config, wanted: Config) -> list[str]:
    """The names of the settings that differ and are read at start only."""
    names = [
        f"{group}.{name}"
        for group, name in AT_START
        if getattr(getattr(running, group), name) != getattr(getattr(wanted, group), name)
    ]
    for account in wanted.accounts:
        before = running.account(account.id)
        if before is not None:
            names += [
                f"accounts.{account.id}.{name}"
                for name in PAPER_ONLY
                if getattr(before, name) != getattr(account, name)
            ]
    return names
