"""Markets, prices and candles from ccxt's dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.base.clock import EPOCH
from app.domain.market import USUAL_TIERS, MaintenanceTier, MarketRules, PriceBand, Quote
from app.domain.values import ONE, ZERO, MarketType
from app.exchange.ccxt.mapping import IN_STEP, NOTHING, Raw, first, info_of, moment, needed, number, positive
from app.messages.reports import Candle, PriceReport


def market_rules(market: Raw, tiers: Sequence[Raw] = (), most_conditional: int | None = None) -> MarketRules | None:
    """The rules of a spot or linear perpetual market, None for any other kind.

    `most_conditional` orders may live there where the market itself does not say how many.
    """
    kind = _market_type(market)
    if kind is None:
        return None
    precision = market.get("precision") or NOTHING
    limits = market.get("limits") or NOTHING
    step = needed(positive(precision.get("amount")), "quantity step")
    return MarketRules(
        symbol=str(market["symbol"]),
        market_type=kind,
        base=str(market["base"]),
        quote=str(market["quote"]),
        tick_size=needed(positive(precision.get("price")), "price tick"),
        step_size=step,
        min_qty=positive(_limit(limits, "amount", "min")) or step,
        min_notional=positive(_limit(limits, "cost", "min")) or ZERO,
        max_qty=_largest(limits),
        contract_size=positive(market.get("contractSize")) or ONE,
        maintenance=maintenance(tiers),
        max_conditional_orders=_most_conditional(market) or most_conditional,
        band=_band(market) if kind is MarketType.SPOT else None,
        is_trading=market.get("active") is not False,
        delisted_at=_delisted_at(market),
    )


def _delisted_at(market: Raw) -> datetime | None:
    """By Binance's and Aster's `deliveryDate`, Bybit's `deliveryTime`, OKX's `expTime`.

    Those of markets that stay are empty, zero or beyond all times.
    """
    at = moment(first(info_of(market), "deliveryDate", "deliveryTime", "expTime"), EPOCH)
    return None if at == EPOCH else at


def _filter(market: Raw, kind: str) -> Raw:
    """One of the filters that venues of Binance's make put on a market."""
    filters = info_of(market).get("filters")
    return next((each for each in filters if each.get("filterType") == kind), NOTHING) if filters else NOTHING


def _most_conditional(market: Raw) -> int | None:
    most = positive(first(_filter(market, "MAX_NUM_ALGO_ORDERS"), "maxNumAlgoOrders", "limit"))
    return None if most is None else int(most)


def _band(market: Raw) -> PriceBand | None:
    """How far from the price limits may rest on spot.

    Perpetuals bound only what crosses the market: no buy far above the mark, no sell far below. Filters,
    https://developers.binance.com/docs/binance-spot-api-docs/filters and
    https://developers.binance.com/docs/derivatives/usds-margined-futures/common-definition; Bybit bounds spot so too.
    """
    by_side, plain = _filter(market, "PERCENT_PRICE_BY_SIDE"), _filter(market, "PERCENT_PRICE")
    lowest = positive(by_side.get("bidMultiplierDown")) or positive(plain.get("multiplierDown"))
    highest = positive(by_side.get("askMultiplierUp")) or positive(plain.get("multiplierUp"))
    return None if lowest is None and highest is None else PriceBand(lowest, highest)


def _market_type(market: Raw) -> MarketType | None:
    if market.get("spot"):
        return MarketType.SPOT
    return MarketType.LINEAR if market.get("swap") and market.get("linear") else None


def _limit(limits: Raw, name: str, end: str) -> Any:
    return (limits.get(name) or NOTHING).get(end)


def _largest(limits: Raw) -> Decimal | None:
    """The largest quantity that every type of order may have."""
    told = [positive(_limit(limits, name, "max")) for name in ("amount", "market")]
    return min((each for each in told if each is not None), default=None)


def maintenance(tiers: Sequence[Raw]) -> tuple[MaintenanceTier, ...]:
    """Maintenance tiers with the deductions that make the margin continuous from tier to tier."""
    made: list[MaintenanceTier] = []
    for tier in tiers:
        floor = number(tier.get("minNotional"))
        rate = number(tier.get("maintenanceMarginRate"))
        if floor is None or rate is None:
            return USUAL_TIERS
        before = made[-1] if made else MaintenanceTier(ZERO, rate)
        made.append(MaintenanceTier(floor, rate, before.deduction + floor * (rate - before.rate)))
    return tuple(made) or USUAL_TIERS


def mark_of(ticker: Raw) -> Decimal | None:
    """The mark price that a ticker tells, if any."""
    return positive(ticker.get("markPrice")) or positive(info_of(ticker).get("markPrice"))


def quote_of(
    ticker: Raw, before: Quote | None, now: datetime, *, has_mark: bool = True, ahead: timedelta = IN_STEP
) -> Quote | None:
    """A quote from a ticker; what it does not tell stays as it was `before`. None where no price is known at all.

    Without `has_mark` no mark was ever told, and the last price stands for it.
    """
    last = positive(ticker.get("last")) or (before.last if before else None)
    mark = mark_of(ticker) or (before.mark if before and has_mark else None)
    before = _passed(before, last)
    bid = positive(ticker.get("bid")) or (before.bid if before else None)
    ask = positive(ticker.get("ask")) or (before.ask if before else None)
    known = next((price for price in (last, mark, bid, ask) if price is not None), None)
    if known is None:
        return None
    return Quote(bid or known, ask or known, last or known, mark or known, moment(ticker.get("timestamp"), now, ahead))


def _passed(before: Quote | None, last: Decimal | None) -> Quote | None:
    """The quote of before once somebody traded at another price: nobody bids more than that, or asks less."""
    if before is None or last is None or last == before.last:
        return before
    return replace(before, bid=min(before.bid, last), ask=max(before.ask, last))


def moved(before: Mapping[str, Quote], prices: Iterable[PriceReport]) -> frozenset[str]:
    """The markets in which something can be traded at another price than before."""
    return frozenset(price.symbol for price in prices if _has_moved(before.get(price.symbol), price.quote))


def _has_moved(before: Quote | None, now: Quote) -> bool:
    return before is not None and (before.bid, before.ask) != (now.bid, now.ask)


def candles(rows: Iterable[Sequence[Any]]) -> list[Candle]:
    """ccxt's rows of time, open, high, low, close and volume."""
    return [_candle(row) for row in rows]


def _candle(row: Sequence[Any]) -> Candle:
    opening, high, low, close = (needed(number(cell), "price") for cell in row[1:5])
    return Candle(moment(needed(row[0], "time"), EPOCH), opening, high, low, close, number(row[5]) or ZERO)
