"""How numbers and times are written (design.md, Tables): fixed decimals, comma for thousands, U+2212 for minus."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

MINUS = "\u2212"
NOTHING = "\u2013"
_CENT = Decimal("0.01")


def places_of(step: Decimal | None, otherwise: int = 2) -> int:
    """Decimals that show every multiple of `step`."""
    if step is None or step <= 0:
        return otherwise
    exponent = step.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else otherwise


def fixed(value: Decimal, places: int) -> str:
    """`value` with so many decimals, grouped by comma; exactly zero has no sign."""
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    text = f"{abs(rounded):,.{places}f}"
    return f"{MINUS}{text}" if rounded < 0 else text


def price(value: Decimal | None, tick: Decimal | None) -> str:
    return NOTHING if value is None else fixed(value, places_of(tick, 4))


def quantity(value: Decimal | None, step: Decimal | None) -> str:
    return NOTHING if value is None else fixed(value, places_of(step, 4))


def money(value: Decimal | None) -> str:
    """In quote, two decimals; what is smaller but not nothing is `<0.01`."""
    if value is None:
        return NOTHING
    if 0 < abs(value) < _CENT:
        return f"{MINUS}<0.01" if value < 0 else "<0.01"
    return fixed(value, 2)


def signed_money(value: Decimal | None) -> str:
    """As `money`, with a plus before what is above nothing."""
    return NOTHING if value is None else f"+{money(value)}" if value > 0 else money(value)


def percent(value: Decimal | None) -> str:
    return NOTHING if value is None else f"{fixed(value, 2)}%"


def signed_percent(value: Decimal | None) -> str:
    if value is None:
        return NOTHING
    text = percent(value)
    return f"+{text}" if value > 0 and not text.startswith(MINUS) else text


def plain(value: Decimal) -> str:
    """Every digit and no more: for tooltips and what a button will act on."""
    text = f"{value.normalize():,f}"
    return text.replace("-", MINUS)


def clock_time(moment: datetime, now: datetime) -> str:
    """UTC: `18:01:48` today, `19 Nov 21:14` earlier this year, with the year before that."""
    if moment.date() == now.date():
        return f"{moment:%H:%M:%S}"
    if moment.year == now.year:
        return f"{moment.day} {moment:%b %H:%M}"
    return f"{moment.day} {moment:%b %Y}"


def full_time(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def trace_time(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def age(passed: timedelta) -> str:
    """`12s`, `4m`, `2h 08m`, `1d 3h`."""
    seconds = max(int(passed.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 24:
        return f"{hours}h {minutes % 60:02d}m"
    return f"{hours // 24}d {hours % 24}h"


def spoken_age(passed: timedelta) -> str:
    """For the strip: `12 s`, else as `age`."""
    seconds = max(int(passed.total_seconds()), 0)
    return f"{seconds} s" if seconds < 60 else age(passed)


def rough_age(passed: timedelta) -> str:
    """The largest unit alone: `12 s`, `4m`, `9h`, `1d`."""
    return spoken_age(passed) if passed < timedelta(hours=1) else age(passed).partition(" ")[0]


def countdown(left: timedelta) -> str:
    """`45s`, `4m 10s`, `2h 08m`."""
    seconds = max(int(left.total_seconds()), 0)
    return f"{seconds // 60}m {seconds % 60:02d}s" if 60 <= seconds < 3600 else age(left)


def sentence(text: str) -> str:
    """What the engine says, as a sentence; a bare code becomes words."""
    said = (text if " " in text else text.replace("_", " ")).strip().rstrip(".")
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def pair(symbol: str) -> tuple[str, str]:
    """Base, and what follows it: (`AVAX`, `/USDT`) of `AVAX/USDT:USDT`."""
    base, slash, rest = symbol.partition("/")
    return base, f"{slash}{rest.partition(':')[0]}" if slash else ""


def market(symbol: str) -> str:
    """As people write it: `AVAX/USDT` of `AVAX/USDT:USDT`."""
    return "".join(pair(symbol))


def with_markets(text: str, symbol: str | None) -> str:
    """What the engine says of `symbol`, with the market as people write it."""
    return text.replace(symbol, market(symbol)) if symbol else text


def spoken(text: str) -> str:
    """As a screen reader should say it: `minus 5.84 percent`."""
    if text in {"", NOTHING}:
        return "none"
    return text.replace(MINUS, "minus ").replace("+", "plus ").replace("%", " percent")
