"""ccxt's exchange object, made so that it tells what became of each request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from socket import gaierror
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientSession,
    ClientTimeout,
)
from yarl import URL

from app.base.masking import keep_out
from app.exchange.ccxt.connections import Connections, PromptRequest, Sockets
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.errors import Answer, Failure, said
from app.exchange.ccxt.telling import tell_answer, tell_request

KEEP_ALIVE_SEC = 60.0
PRIVATE_TOPICS = ("orders", "order", "myTrades")
_TRIGGERS = ("triggerPrice", "stopLossPrice", "takeProfitPrice")


class Environment(StrEnum):
    LIVE = "live"
    TESTNET = "testnet"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Access:
    """How to get into an account. `base_url` sends every request and stream to another host, for tests."""

    api_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    wallet_address: str = ""
    password: str = field(default="", repr=False)
    environment: Environment = Environment.LIVE
    base_url: str | None = None
    timeout_sec: float = 5.0
    patience_sec: float = 2.5
    """How long a request may wait for the limits: its sender, who waits longer, must hear that it has not left."""

    def __post_init__(self) -> None:
        """From now on no text shows these keys."""
        keep_out((self.api_key, self.secret, self.private_key, self.wallet_address, self.password))


@dataclass(slots=True)
class Trace:
    """What is known of the request under way."""

    has_left: bool = False
    is_done: bool = False
    answer: Answer | None = None

    def begin(self) -> None:
        self.has_left, self.is_done, self.answer = True, False, None

    def failure(self, error: BaseException) -> Failure:
        return Failure(error, self.answer, self.is_done, self.has_left)


TRACE: ContextVar[Trace | None] = ContextVar("ccxt_trace", default=None)


def _ignored(_told: Any) -> None:
    return


@dataclass(frozen=True, slots=True)
class StreamHooks:
    """Told when the private stream comes up and when it goes down.

    `order`, `trade` and `ticker` are told, in ccxt's words, of what a dialect reads by itself; the rest comes to who
    watches. `failed` is told of requests that no call of ours makes, as a stream's for its key.
    """

    up: Callable[[], None]
    down: Callable[[str], None]
    order: Callable[[Mapping[str, Any]], None] = _ignored
    trade: Callable[[Mapping[str, Any]], None] = _ignored
    ticker: Callable[[Mapping[str, Any]], None] = _ignored
    failed: Callable[[Failure], None] = _ignored


def redirected(urls: Any, base_url: str) -> Any:
    """The same addresses at another host; `ws` addresses stay `ws`, and every path stays, after the base's own."""
    if isinstance(urls, Mapping):
        return {name: redirected(each, base_url) for name, each in urls.items()}
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    there, here = urlsplit(base_url), urlsplit(urls)
    is_safe = there.scheme in {"https", "wss"}
    scheme = ("wss" if is_safe else "ws") if here.scheme in {"ws", "wss"} else ("https" if is_safe else "http")
    return urlunsplit((scheme, there.netloc, there.path.rstrip("/") + here.path, here.query, here.fragment))


def make_exchange(dialect: Dialect, access: Access, hooks: StreamHooks) -> Any:
    """ccxt's object for this venue: numbers as text, no limiter and no time correction of its own."""
    base = dialect.refined(getattr(import_module("ccxt.pro"), dialect.exchange))
    kind = _watched(_minded(_traced(_connecting(_fetching(_patient(base), dialect))), hooks), hooks)
    exchange = kind(
        {
            "apiKey": access.api_key,
            "secret": access.secret,
            "privateKey": access.private_key,
            "walletAddress": access.wallet_address,
            "password": access.password,
            "enableRateLimit": False,
            "session": None,
            "timeout": int(access.timeout_sec * 1000),
            "options": dict(dialect.options),
        }
    )
    exchange.number = str
    exchange.hooks = hooks
    exchange.timeout_on_exit = 0 if access.base_url is not None else exchange.timeout_on_exit
    if access.environment is Environment.TESTNET:
        exchange.set_sandbox_mode(True)
    elif access.environment is Environment.DEMO:
        exchange.enable_demo_trading(True)
    if access.base_url is not None:
        exchange.urls["api"] = redirected(exchange.urls["api"], access.base_url)
    return exchange


def _fetching(base: Any, dialect: Dialect) -> Any:
    """`base` that exchanges messages over its session, and no more."""
    ccxt = import_module("ccxt")

    class Fetching(base):  # type: ignore[misc]  # ccxt is untyped
        session: ClientSession

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            seconds = self.timeout / 1000
            self._patience = ClientTimeout(total=seconds, sock_connect=seconds, sock_read=seconds)

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: str | None = None) -> Any:
            """As ccxt's own, which sees to proxies, forms, logs and memories of the last request too: here are none.

            What is no JSON, or lacks what it must have, is no answer: ccxt would find nothing in it (hazards 4, 42).
            """
            self.open(True)
            tell_request(method, url, body)
            headers, data = self.prepare_request_headers(headers), body.encode() if body else None
            try:
                async with self.session.request(
                    method, URL(url, encoded=True), data=data, headers=headers, timeout=self._patience
                ) as response:
                    text = (await response.text("utf-8", "replace")).strip()
            except TimeoutError as error:
                raise ccxt.RequestTimeout(f"{self.id} {method} {url}") from error
            except (gaierror, ClientConnectionError) as error:
                raise ccxt.ExchangeNotAvailable(f"{self.id} {method} {url}") from error
            except ClientError as error:
                raise ccxt.ExchangeError(f"{self.id} {method} {url}") from error
            status, reason, answer = response.status, response.reason, self.parse_json(text)
            tell_answer(method, url, status, text)
            self.handle_errors(status, reason, url, method, response.headers, text, answer, headers, body)
            self.handle_http_status_code(status, reason, url, method, text)
            is_read = method == "GET"
            if answer is None or (is_read and not dialect.is_whole(urlsplit(url).path, answer)):
                raise ccxt.ExchangeNotAvailable(f"{self.id} {method} {url} {status} {text}")
            return answer

    return Fetching


def _connecting(base: Any) -> Any:
    """`base` with connections of our own."""

    class Connecting(base):  # type: ignore[misc]  # ccxt is untyped
        session: ClientSession | None

        def __init__(self, *arguments: Any, **named: Any) -> None:
            self._sockets = Sockets()
            super().__init__(*arguments, **named)

        def open(self, lazy: bool = False) -> None:
            """With a session of our own: ccxt's drops its connections after 15 s and takes no more than a hundred.

            ExchangeClosedByUser after `close`: nobody would close what is opened then.
            """
            if self.session is not None and not self.closed_by_user:
                return
            super().open(lazy or self.closed_by_user)
            if self.session is None:
                connector = Connections(ssl=self.ssl_context, limit=0, keepalive_timeout=KEEP_ALIVE_SEC)
                self._sockets = Sockets()
                self.session = ClientSession(
                    connector=connector,
                    request_class=PromptRequest,
                    ws_response_class=self._sockets.made,  # type: ignore[arg-type]  # it is only ever called
                )

        def _drop_idle(self) -> None:
            """Let nothing be sent over a connection from before: when one is dead the others are, and none tells."""
            if self.session is not None and isinstance(self.session.connector, Connections):
                self.session.connector.drop_idle()

        async def close(self, clean_instance_data: bool = False) -> None:
            """Of every connection, however long the streams take: who waits for their goodbye may give that up."""
            session = self.session
            try:
                await super().close(clean_instance_data)
            finally:
                self.session = None
                self._sockets.end()  # one that has just come up is not ccxt's yet
                if session is not None:
                    await session.close()

    return Connecting


def _traced(base: Any) -> Any:
    """`base`, telling the trace of the running call what happens to its request."""

    class Traced(base):  # type: ignore[misc]  # ccxt is untyped
        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            trace = TRACE.get() or Trace()
            trace.begin()
            try:
                answer = await super().fetch(url, method, headers, body)
            except Exception:
                if trace.answer is None:
                    self._drop_idle()
                raise
            trace.is_done = True
            if isinstance(answer, dict) and isinstance(listen_key := answer.get("listenKey"), str):
                keep_out([listen_key], f"listen key of {self.apiKey or self.walletAddress}")
            return answer

        def handle_errors(
            self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
        ) -> Any:
            trace = TRACE.get()
            if trace is not None:
                trace.answer = Answer(int(code), body or "", headers or {})
            return super().handle_errors(code, reason, url, method, headers, body, *rest)

        def parse_orders(self, orders: Any, market: Any = None, *rest: Any, **named: Any) -> Any:
            """In the venue's order where nothing more is asked: ccxt sorts by time, and batches answer by place."""
            if isinstance(orders, list) and market is None and not rest and not named:
                return [self.parse_order(order) for order in orders]
            return super().parse_orders(orders, market, *rest, **named)

    return Traced


def _minded(base: Any, hooks: StreamHooks) -> Any:
    """`base`, telling the hooks of what fails while no call of ours runs."""

    class Minded(base):  # type: ignore[misc]  # ccxt is untyped
        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            if TRACE.get() is not None:
                return await super().fetch(url, method, headers, body)
            trace = Trace()
            token = TRACE.set(trace)
            try:
                return await super().fetch(url, method, headers, body)
            except Exception as error:
                hooks.failed(trace.failure(error))
                raise
            finally:
                TRACE.reset(token)

    return Minded


class Replaced(Exception):
    """Why a private stream was given up that another has followed."""


def _give_up(clients: Iterable[Any]) -> None:
    for client in clients:
        client.on_error(Replaced("another private stream is up"))


def _watched(base: Any, hooks: StreamHooks) -> Any:
    """`base`, telling the hooks when the private stream comes, and when none is left."""
    private: set[Any] = set()

    class Watched(base):  # type: ignore[misc]  # ccxt is untyped
        def on_connected(self, client: Any, message: Any = None) -> None:
            super().on_connected(client, message)
            self._note(client)

        def handle_subscription_status(self, client: Any, message: Any) -> Any:
            """Where a stream is opened with the keys first, it is up when it is followed."""
            answer = super().handle_subscription_status(client, message)
            self._note(client)
            return answer

        def on_error(self, client: Any, error: Any) -> None:
            super().on_error(client, error)
            self._lose(client, f"the private stream broke: {said(error)}")

        def on_close(self, client: Any, error: Any) -> None:
            super().on_close(client, error)
            self._lose(client, f"the private stream was closed (code {error})")

        def _note(self, client: Any) -> None:
            if is_private(client):
                stale = private - {client}
                private.add(client)
                hooks.up()
                _give_up(stale)

        def _lose(self, client: Any, reason: str) -> None:
            if client not in private:
                return
            private.remove(client)
            if not private:
                forget_login(self.options)
                self._drop_idle()
                hooks.down(reason)

    return Watched


def spoken(value: object) -> str:
    """As ccxt writes a value into a query."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _patient(base: Any) -> Any:
    """`base` without some of ccxt's habits."""

    class Patient(base):  # type: ignore[misc]  # ccxt is untyped
        async def fetch2(self, path: str, api: Any, method: str, params: Any, _config: Any) -> Any:
            """Signed and sent; the rest of ccxt's own is a limiter, retries and memories that nobody uses."""
            words = params.copy()  # signing may add to them, and without any they are ccxt's own default
            signed = self.sign(path, api, method, words)
            return await self.fetch(signed["url"], signed["method"], signed["headers"], signed["body"])

        async def load_markets(self, reload: bool = False, params: Any = None) -> Any:
            """All who ask meanwhile share ccxt's one question: who gives up waiting must not end it for the others."""
            return await asyncio.shield(super().load_markets(reload, params or {}))

        def safe_order(self, order: Any, market: Any = None) -> Any:
            """Filled as far as the venue tells: ccxt takes a conditional order that is over for filled, and what it
            became may have expired (Binance's FINISHED says no more than "filled or cancelled")."""
            told = super().safe_order(order, market)
            is_guessed = order.get("filled") is None and not told["trades"]
            is_conditional = any(told[name] is not None for name in _TRIGGERS)
            return {**told, "filled": None} if is_guessed and is_conditional else told

        @staticmethod
        def rawencode(params: Mapping[str, Any], _sort: bool = False) -> str:
            """As ccxt's own, which encodes every byte only to decode it again: a third of what signing a batch took."""
            return "&".join(f"{name}={spoken(value)}" for name, value in params.items())

        def currency_to_precision(self, _code: Any, fee: Any, *_rest: Any) -> str:
            """As it is: streams sum fees in assets whose precision ccxt has not loaded."""
            return str(fee)

        def common_currency_code(self, code: str) -> str:
            """As the venue has it: ccxt gives some coins other names, and another coin's alert would buy them."""
            return code

        def ws_dial_delay(self, _url: str) -> float:
            """ccxt doubles it up to half a minute; who follows a stream waits by himself."""
            return 0.0

    return Patient


def forget_login(options: Mapping[str, Any]) -> None:
    """The key under which a stream was opened may be what ended it: the next stream asks for a new one (hazard 33)."""
    for words in options.values():
        if isinstance(words, dict) and "lastAuthenticatedTime" in words:
            words["lastAuthenticatedTime"] = 0


def is_private(client: Any) -> bool:
    """Whether our own orders and fills come over this stream."""
    return any(str(topic).split(":")[0] in PRIVATE_TOPICS for topic in (*client.futures, *client.subscriptions))
