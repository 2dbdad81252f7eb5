"""What the paper exchange keeps on disk of one account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from app.exchange.paper.journal import changes_of
from app.exchange.paper.ledger import Ledger
from app.exchange.paper.rules import RuleBook, derived, refined
from app.ports.paper_store import PaperChanges, PaperPrice, PaperStore
from app.ports.store import StoreFailed


class Keeper:
    """Saves changes, and prices with the next change after them: a price alone is not worth a write."""

    def __init__(self, ledger: Ledger, book: RuleBook, store: PaperStore) -> None:
        self._ledger = ledger
        self._book = book
        self._store = store
        self._unsaved_prices: set[str] = set()
        self.trouble: str | None = None
        """Why the last save failed, until one succeeds."""

    async def load(self) -> Mapping[str, Decimal]:
        """Fill the ledger with what is kept; the last price of each market."""
        stored = await self._store.load(self._ledger.account)
        if stored is None:
            return {}
        self._ledger.load(stored)
        for row in stored.prices:
            self._remember_rules(row)
        return {row.symbol: row.price for row in stored.prices}

    async def save_new_account(self) -> None:
        """The first balances of an account of which nothing is kept."""
        if self._ledger.balances:
            return
        self._ledger.open_account()
        try:
            await self.save(changes_of(self._ledger.written_since(0)))
        except StoreFailed:
            self._ledger.roll_back()
            raise
        self._ledger.settle()

    def note_price(self, symbol: str) -> None:
        self._unsaved_prices.add(symbol)

    async def save_prices(self) -> None:
        """Write the last prices, where any moved since the last save."""
        if self._unsaved_prices:
            await self.save(PaperChanges())

    async def save(self, changes: PaperChanges) -> None:
        symbols = {symbol for symbol in self._unsaved_prices if symbol in self._ledger.quotes}
        self._unsaved_prices -= symbols
        changes.prices = [self._price(symbol) for symbol in sorted(symbols)]
        try:
            await self._store.save(self._ledger.account, changes)
        except StoreFailed as error:
            self._unsaved_prices |= symbols
            self.trouble = str(error)
            raise
        self.trouble = None

    def _price(self, symbol: str) -> PaperPrice:
        return PaperPrice(self._ledger.account, symbol, self._ledger.quotes[symbol].last)

    def _remember_rules(self, row: PaperPrice) -> None:
        """Rules derived from today's price may be coarser than those by which positions and orders were made."""
        if self._book.rules(row.symbol, None) is None and (rules := derived(row.symbol, row.price)) is not None:
            live = list(self._ledger.resting.get(row.symbol, {}).values())
            prices = [price for order in live for price in (order.price, order.trigger_price) if price is not None]
            held = [
                position.quantity for (symbol, _), position in self._ledger.positions.items() if symbol == row.symbol
            ]
            self._book.remember(refined(rules, prices, held + [order.quantity for order in live]))
