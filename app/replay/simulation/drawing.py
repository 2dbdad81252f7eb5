"""Draws a whole scenario from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from app.replay.simulation.chance import Chance, Document, text
from app.replay.simulation.happenings import (
    Happening,
    draw_book,
    draw_command,
    draw_crash,
    draw_deed,
    draw_fault,
    draw_price,
    draw_signal,
)
from app.replay.simulation.markets import DrawnMarket, draw_accounts, draw_markets
from app.replay.simulation.settings import draw_config

PAUSES = ("0", "0", "0.5", "1", "1", "2", "3", "7", "12", "31", "65", "200")
AT_ONCE = 4
"""So many steps at the beginning happen at the same instant."""

SOMETIMES: tuple[tuple[Happening, int, int], ...] = (
    (draw_command, 60, 3),
    (draw_deed, 30, 2),
    (draw_fault, 45, 3),
    (draw_crash, 40, 2),
    (draw_book, 40, 1),
)
"""In how many of a hundred scenarios such a step can come, and how often in proportion."""


def draw(seed: int, steps: int) -> Document:
    """A scenario of `steps` random steps and a calm end, as plain data. The same seed with fewer begins the same."""
    chance = Chance(seed)
    happenings = _happenings(chance)
    markets, described = draw_markets(chance, with_spot=chance.happens(40))
    accounts = draw_accounts(chance, markets, hedged=chance.happens(30), fees=chance.happens(50))
    config = draw_config(chance, markets, stops=chance.happens(55), offset=chance.happens(25))
    drawn = list(_steps(chance, happenings, markets, steps))
    last = Decimal(drawn[-1]["at"]) if drawn else Decimal(0)
    return {
        "name": f"seed {seed}",
        "seed": seed,
        "at_rest": True,
        "accounts": accounts,
        "markets": described,
        "config": config,
        "steps": [*drawn, *_calm(last + 30, markets)],
    }


def _happenings(chance: Chance) -> list[Happening]:
    """What can happen after the first signals, each as often as it stands here."""
    chosen: list[Happening] = [*[draw_price] * 9, *[draw_signal] * 6]
    for happening, percent, weight in SOMETIMES:
        if chance.happens(percent):
            chosen += [happening] * weight
    return chosen


def _steps(chance: Chance, happenings: list[Happening], markets: list[DrawnMarket], count: int) -> Iterator[Document]:
    at = Decimal(0)
    for number in range(count):
        if number >= AT_ONCE:
            at += Decimal(chance.choice(PAUSES))
        happening = draw_signal if number < 2 else chance.choice(happenings)
        yield {"at": text(at), **happening(chance, markets)}


def _calm(at: Decimal, markets: list[DrawnMarket]) -> Iterator[Document]:
    """Books are deep again, faults and crashes that are still armed come, and then nothing moves any more."""
    price: Document = {"price": {market.symbol: text(market.price) for market in markets}}
    read: Document = {"command": {"reconcile": {}}}
    for market in markets:
        yield {"at": text(at), "book": {"market": market.symbol}}
    for seconds, happening in [
        (1, price), (60, read), (200, read), (400, read), (600, price), (640, price), (700, read), (770, price),
        (900, read), (980, price), (1030, read), (1050, price),
    ]:  # fmt: skip
        yield {"at": text(at + seconds), **happening}
