"""Draws markets and accounts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.replay.simulation.chance import Chance, Document, on_grid, text

COINS = {"BTC": "97123.4", "SOL": "203.17", "DOGE": "0.31234", "PEPE": "0.00001234", "LTC": "100"}
PLAIN_CONTRACTS = ("1",) * 5
OTHER_CONTRACTS = ("0.01", "0.1", "10")


@dataclass(slots=True)
class DrawnMarket:
    """`price` follows what the steps do to it; `ticker` is how a signal names it; `account` is one that trades it."""

    symbol: str
    base: str
    is_spot: bool
    tick: Decimal
    step: Decimal
    price: Decimal
    account: str = ""

    @property
    def ticker(self) -> str:
        return f"{self.base}USDT" if self.is_spot else f"{self.base}USDT.P"

    @property
    def market_type(self) -> str:
        return "spot" if self.is_spot else "linear"

    def near(self, factor: Decimal | str) -> Decimal:
        """The price times `factor`, as the market spells prices."""
        return on_grid(self.price * Decimal(factor), self.tick)


def draw_markets(chance: Chance, *, with_spot: bool) -> tuple[list[DrawnMarket], Document]:
    """One to three coins, each on one or both market types: the markets, and what the scenario says of them."""
    markets: list[DrawnMarket] = []
    described: Document = {}
    for base in chance.sample(sorted(COINS), chance.randint(1, 3)):
        kinds = chance.choice([[False], [True], [False, True]]) if with_spot else [False]
        for is_spot in kinds:
            market, description = _draw_market(chance, base, is_spot)
            markets.append(market)
            described[market.symbol] = description
    return markets, described


def _draw_market(chance: Chance, base: str, is_spot: bool) -> tuple[DrawnMarket, Document]:
    """Its unit is worth about 0.01 to 30 quote."""
    price = Decimal(COINS[base])
    contract = Decimal(1 if is_spot else chance.choice(PLAIN_CONTRACTS + OTHER_CONTRACTS))
    tick = _power(price.adjusted() - chance.randint(2, 5)) * Decimal(chance.choice(["1", "1", "5", "2.5"]))
    worth = Decimal(chance.choice(["0.02", "0.3", "2", "12"]))
    step = _power((worth / price / contract).adjusted()) * chance.choice([1, 1, 5])
    market = DrawnMarket(
        symbol=f"{base}/USDT" if is_spot else f"{base}/USDT:USDT",
        base=base,
        is_spot=is_spot,
        tick=tick,
        step=step,
        price=on_grid(price, tick),
    )
    min_qty, min_notional = step * chance.choice([1, 1, 3, 10]), Decimal(chance.choice([5, 5, 1, 20, 100]))
    description: Document = {
        "tick_size": text(tick),
        "step_size": text(step),
        "min_qty": text(min_qty),
        "min_notional": text(min_notional),
        "price": text(market.price),
    }
    if contract != 1:
        description["contract_size"] = text(contract)
    if chance.happens(8):
        least = max(min_qty, min_notional / market.price / contract)
        description["max_qty"] = text(on_grid(least * chance.choice([6, 60]), step))
    if chance.happens(7):
        description["max_conditional_orders"] = chance.choice([1, 2, 5, 10])
    if chance.happens(7):
        description["band"] = {"lowest_buy": "0.97", "highest_sell": "1.03"}
    return market, description


def _power(exponent: int) -> Decimal:
    return Decimal(10) ** exponent


def draw_accounts(chance: Chance, markets: list[DrawnMarket], *, hedged: bool, fees: bool) -> list[Document]:
    """At least one for each market type, three at most; each market gets one that trades it."""
    kinds = sorted({market.market_type for market in markets})
    wanted = chance.choice([1, 1, 2, 3]) if hedged or chance.happens(40) else 1
    kinds += [chance.choice(kinds) for _ in range(wanted - len(kinds))]
    accounts = [_draw_account(chance, f"a{number}", kind, hedged, fees) for number, kind in enumerate(kinds)]
    for market in markets:
        market.account = chance.choice([item["id"] for item in accounts if item["market_type"] == market.market_type])
    return accounts


def _draw_account(chance: Chance, account: str, market_type: str, hedged: bool, fees: bool) -> Document:
    drawn: Document = {"id": account, "venue": "paper", "market_type": market_type}
    drawn["balances"] = {"USDT": chance.choice(["800", "5000", "10000", "100000"])}
    if market_type == "linear" and hedged and chance.happens(60):
        drawn["position_mode"] = "hedge"
    if market_type == "spot" and chance.happens(30):
        drawn["balances"][chance.choice(sorted(COINS))] = chance.choice(["1", "1000"])
    taker = chance.choice(["0.0005", "0.001"])
    drawn["fees"] = {"maker": "0.0002", "taker": taker} if fees else {"maker": "0", "taker": "0"}
    if chance.happens(25):
        drawn["slippage_bps"] = chance.choice(["3", "20"])
    return drawn
