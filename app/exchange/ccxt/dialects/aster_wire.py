"""ccxt's Aster class mended: an agent signs for the wallet, in the venue's time, and streams outlive their keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app.base.errors import OperatorActionNeeded
from app.exchange.ccxt.dialects.listen_key import outliving

NONCE_WINDOW_US = 60_000_000
"""How far a nonce may be off the venue's time. Document "V3 Nonce Mechanism"."""
_CHAIN_ID = 1666
_DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"})
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class MainWalletRefused(OperatorActionNeeded):
    """The key of the wallet itself, which can move everything out of it."""


class Nonces:
    """Microseconds of the venue's time, each later than the one before."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, now_us: int) -> int:
        """After the clock was put back, one that was too far ahead has been refused and does not count."""
        is_stuck = self._last - now_us > NONCE_WINDOW_US
        self._last = now_us if is_stuck or now_us > self._last else self._last + 1
        return self._last


_NONCES: defaultdict[str, Nonces] = defaultdict(Nonces)
"""By signer: the venue counts an agent's nonces whichever account or connection they come from."""


def signer_of(exchange: Any, private_key: str) -> str:
    """The address of a key, as ccxt tells it. OperatorActionNeeded where it is none."""
    try:
        return str(exchange.eth_get_address_from_private_key(private_key))
    except Exception as error:
        raise OperatorActionNeeded("the private key cannot be read; it is 64 hexadecimal digits") from error


def refuse_main_wallet(exchange: Any, private_key: str, wallet_address: str) -> None:
    """Raises MainWalletRefused for the wallet's own key: only an agent's may be kept here."""
    if not private_key:
        return
    if not wallet_address:
        raise OperatorActionNeeded("the address of the wallet that the agent signs for is missing")
    if signer_of(exchange, private_key).lower() == wallet_address.lower():
        raise MainWalletRefused(
            "this is the main wallet's own key, which can move everything; make an agent signer and give its key"
        )


_Ccxt: Any = object
"""Stands for ccxt's class, which has no types."""


class Signing(_Ccxt):  # type: ignore[misc]  # ccxt is untyped
    """An agent signs for the wallet; ccxt takes the signer for the account and may repeat a nonce."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(config or {})
        self.has["fetchCurrencies"] = False
        refuse_main_wallet(self, self.privateKey, self.walletAddress)
        self._signer = signer_of(self, self.privateKey) if self.privateKey else ""
        self._constants: tuple[bytes, bytes] | None = None

    def sign(self, path: str, api: Any = "fapiPublic", method: str = "GET", params: Any = None) -> Any:
        """Document "Authentication signature payload". Signs nothing that would give fees to a third party."""
        name, given = api[0], params or {}
        if not name.endswith("Private"):
            return super().sign(path, api, method, given)
        if "builder" in path.lower():
            raise OperatorActionNeeded("no part of the fees goes to a builder")
        self.check_required_credentials()
        now_us = self.microseconds() - self.safe_integer(self.options, "timeDifference", 0) * 1000
        nonce = str(_NONCES[self._signer].next(now_us))
        who = {"nonce": nonce, "user": self.walletAddress, "signer": self._signer}
        words = self.encode_values_with_json({**who, **given})
        signed = f"{words}&signature={self._signature(words)}"
        url = f"{self.urls['api'][name]}/{path}"
        if method == "GET":
            return {"url": f"{url}?{signed}", "method": method, "body": None, "headers": None}
        return {"url": url, "method": method, "body": signed, "headers": dict(_FORM)}

    def _signature(self, words: str) -> Any:
        """EIP-712. ccxt hashes in Python, so what never changes is hashed once: 3.4 ms of an order become 1.3."""
        if self._constants is None:
            self._constants = self._separator(), self._keccak(b"Message(string msg)")
        separator, message = self._constants
        body = self._keccak(message + self._keccak(words.encode()))
        return self.sign_hash(self._keccak(b"\x19\x01" + separator + body).hex(), self.privateKey)

    def _separator(self) -> bytes:
        told = (_DOMAIN, b"AsterSignTransaction", b"1")
        hashed = b"".join(self._keccak(each) for each in told)
        return self._keccak(hashed + _CHAIN_ID.to_bytes(32, "big") + bytes(32))

    def _keccak(self, data: bytes) -> bytes:
        return bytes(self.hash(data, "keccak", "binary"))


class Positions(_Ccxt):  # type: ignore[misc]  # ccxt is untyped
    """Positions that have a side."""

    def parse_position_risk(self, position: Any, market: Any = None) -> Any:
        """With the notional, by whose sign ccxt knows the side. Document "Position Information v3" has none."""
        if position.get("notional") is None:
            notional = Decimal(position["positionAmt"]) * Decimal(position["markPrice"])
            position = {**position, "notional": f"{notional:f}"}
        return super().parse_position_risk(position, market)


class Streams(_Ccxt):  # type: ignore[misc]  # ccxt is untyped
    """Own orders, marks and best prices, and connections that outlive their listen key."""

    async def watch_orders(self, *_asked: Any) -> Any:
        return await self._watch_own("orders")

    async def watch_my_trades(self, *_asked: Any) -> Any:
        return await self._watch_own("myTrades")

    async def _watch_own(self, topic: str) -> Any:
        """What is new of all markets. ccxt 4.5.90 loses the kind of market here and raises whatever it is told."""
        kind = self.options["defaultType"]
        await self.authenticate(kind)
        url = self.get_private_url(kind)
        self.set_balance_cache(self.client(url), kind)
        rows = await self.watch_multiple(url, [topic], None, [kind])
        return self.filter_by_symbol_since_limit(rows, None, None, rows.getLimit(None, None), True)

    async def watch_mark_prices(self, symbols: Sequence[str], *_asked: Any) -> dict[str, Any]:
        """Under a topic of their own: ccxt waits for them under the tickers', and so never subscribes to them."""
        markets = [self.market(symbol) for symbol in symbols]
        topics = [f"mark:{market['symbol']}" for market in markets]
        wanted = {"method": "SUBSCRIBE", "params": [f"{market['id'].lower()}@markPrice@1s" for market in markets]}
        told = await self.watch_multiple(self.urls["api"]["ws"]["public"]["swap"], topics, wanted, topics)
        return {told["symbol"]: told}

    def handle_message(self, client: Any, message: Any) -> Any:
        """Spot's best prices have no event type."""
        told = message.get("data", message)
        match told.get("e"):
            case "markPriceUpdate":
                mark = self.parse_ws_ticker(told, "swap")
                client.resolve(mark, f"mark:{mark['symbol']}")
            case None if {"u", "s", "b", "a"} <= told.keys():
                super().handle_message(client, {**told, "e": "bookTicker"})
            case _:
                super().handle_message(client, message)

    def handle_order(self, client: Any, message: Any) -> None:
        """Not where a conditional order expires: Binance, while it kept such orders among the others, said so of one
        that triggered, and then told it again as the plain order that it became. Aster's documents do not say what
        they do; one that has really ended is found by asking."""
        if message.get("X") != "EXPIRED" or message.get("o") not in _CONDITIONAL:
            super().handle_order(client, message)

    def on_error(self, client: Any, error: Any) -> None:
        self._forget_listen_keys()
        super().on_error(client, error)

    def on_close(self, client: Any, error: Any) -> None:
        self._forget_listen_keys()
        super().on_close(client, error)

    def _forget_listen_keys(self) -> None:
        """Ask again with the next connection: the venue gives a key that lives once more, or a new one."""
        self.options["lastAuthenticatedTime"] = {"spot": 0, "swap": 0}


def mended(base: Any) -> Any:
    """ccxt's class with the above."""

    class Aster(Streams, Positions, Signing, outliving(base)):  # type: ignore[misc]  # ccxt is untyped
        """Under ccxt's name for it."""

    return Aster
