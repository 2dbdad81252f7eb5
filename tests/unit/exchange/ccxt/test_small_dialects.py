"""OKX, KuCoin, Gate and MEXC: their words for failures, their ids, and what ccxt's classes are changed to."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from app.exchange.ccxt.dialects.base import Dialect, Operation
from app.exchange.ccxt.dialects.gate import GATE_SPOT
from app.exchange.ccxt.dialects.kucoin import KUCOIN_SPOT
from app.exchange.ccxt.dialects.mexc import MEXC_SPOT
from app.exchange.ccxt.dialects.okx import OKX_SPOT, _listing
from app.exchange.ccxt.dialects.refining import ById, refined
from app.exchange.ccxt.errors import Answer, Failure, outcome, retry_after, verdict
from app.exchange.ccxt.verdicts import Kind
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused

ccxt = import_module("ccxt")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = (OKX_SPOT, KUCOIN_SPOT, GATE_SPOT, MEXC_SPOT)
R = RefusalCode


def failed(body: object, status: int = 400, headers: dict[str, str] | None = None) -> Failure:
    text = json.dumps(body, separators=(",", ":"))
    return Failure(ccxt.ExchangeError(text), Answer(status, text, headers or {}))


def okx(code: str, words: str = "words") -> Failure:
    """As of a single order: the outer code is 1."""
    return failed({"code": "1", "data": [{"ordId": "", "sCode": code, "sMsg": words}], "msg": "failed"}, 200)


def kucoin(code: str, words: str = "words") -> Failure:
    return failed({"code": code, "msg": words}, 200)


def gate(label: str, words: str = "words") -> Failure:
    return failed({"label": label, "message": words})


def mexc(code: int, words: str = "words") -> Failure:
    return failed({"code": code, "msg": words})


@pytest.mark.parametrize(
    ("dialect", "failure", "code"),
    [
        (OKX_SPOT, okx("51008"), R.INSUFFICIENT_BALANCE),
        (OKX_SPOT, okx("51016"), R.DUPLICATE_ID),
        (OKX_SPOT, okx("51020"), R.MIN_NOTIONAL),
        (OKX_SPOT, okx("51121"), R.PRECISION),
        (OKX_SPOT, okx("51400"), R.NOT_FOUND),
        (OKX_SPOT, okx("51402"), R.NOT_FOUND),
        (OKX_SPOT, failed({"code": "51603", "data": [], "msg": "Order does not exist"}, 200), R.NOT_FOUND),
        (OKX_SPOT, failed({"code": "51001", "data": [], "msg": "words"}, 200), R.HALTED),
        (OKX_SPOT, failed({"code": "50113", "msg": "Invalid Sign"}, 401), R.PERMISSION),
        (KUCOIN_SPOT, kucoin("200004", "Balance insufficient!"), R.INSUFFICIENT_BALANCE),
        (KUCOIN_SPOT, kucoin("400100", "validation.createOrder.clientOidDuplicated"), R.DUPLICATE_ID),
        (KUCOIN_SPOT, kucoin("400100", "order_not_exist_or_not_allow_to_cancel"), R.NOT_FOUND),
        (KUCOIN_SPOT, kucoin("400100", "Order size below the minimum requirement."), R.MIN_NOTIONAL),
        (KUCOIN_SPOT, kucoin("400100", "account.available.amount"), R.INSUFFICIENT_BALANCE),
        (KUCOIN_SPOT, kucoin("400100", "something else"), R.INVALID_ORDER),
        (KUCOIN_SPOT, kucoin("600100", "Order size increment invalid."), R.PRECISION),
        (KUCOIN_SPOT, kucoin("600100", "Funds below the minimum requirement."), R.MIN_NOTIONAL),
        (KUCOIN_SPOT, kucoin("400600"), R.HALTED),
        (KUCOIN_SPOT, kucoin("400005"), R.PERMISSION),
        (GATE_SPOT, gate("BALANCE_NOT_ENOUGH"), R.INSUFFICIENT_BALANCE),
        (GATE_SPOT, gate("INVALID_PARAM_VALUE", "Your order size 0.1 USDT is too small. …"), R.MIN_NOTIONAL),
        (GATE_SPOT, gate("INVALID_PARAM_VALUE"), R.INVALID_ORDER),
        (GATE_SPOT, gate("INVALID_PRECISION"), R.PRECISION),
        (GATE_SPOT, gate("ORDER_NOT_FOUND"), R.NOT_FOUND),
        (GATE_SPOT, gate("ORDER_CLOSED"), R.NOT_FOUND),
        (GATE_SPOT, gate("REPEATED_CREATION"), R.DUPLICATE_ID),
        (GATE_SPOT, gate("IP_FORBIDDEN"), R.PERMISSION),
        (MEXC_SPOT, mexc(30004), R.INSUFFICIENT_BALANCE),
        (MEXC_SPOT, mexc(10101), R.INSUFFICIENT_BALANCE),
        (MEXC_SPOT, mexc(30002), R.MIN_NOTIONAL),
        (MEXC_SPOT, mexc(30016), R.HALTED),
        (MEXC_SPOT, mexc(-2011), R.NOT_FOUND),
        (MEXC_SPOT, mexc(-2013), R.NOT_FOUND),
        (MEXC_SPOT, mexc(-2010, "Duplicate order sent."), R.DUPLICATE_ID),
        (MEXC_SPOT, mexc(700002), R.PERMISSION),
        (MEXC_SPOT, mexc(400, " amount scale is invalid"), R.PRECISION),
        (MEXC_SPOT, mexc(400, "The start time cannot be earlier than 90 days"), R.INVALID_ORDER),
        (MEXC_SPOT, mexc(403, "Access Denied"), R.PERMISSION),
    ],
)
def test_refusals_have_their_reason(dialect: Dialect, failure: Failure, code: RefusalCode) -> None:
    answer = outcome(failure, dialect.codes, NOW)
    assert isinstance(answer, Refused)
    assert answer.code is code


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (mexc(400, "api key required"), Kind.KEYS),
        (mexc(400, " amount scale is invalid"), Kind.REFUSED),
        (mexc(403, "Access Denied"), Kind.OPERATOR),
    ],
)
def test_mexcs_general_codes_are_about_the_keys_only_where_their_words_are(failure: Failure, kind: Kind) -> None:
    assert verdict(failure, MEXC_SPOT.codes).kind is kind


@pytest.mark.parametrize(
    ("dialect", "failure"),
    [
        (OKX_SPOT, okx("50004")),
        (OKX_SPOT, okx("51149")),
        (OKX_SPOT, failed({"code": "1", "data": [], "msg": ""}, 200)),
        (KUCOIN_SPOT, kucoin("408000")),
        (KUCOIN_SPOT, kucoin("500000")),
        (GATE_SPOT, gate("SERVER_ERROR")),
        (GATE_SPOT, gate("INTERNAL")),
        (MEXC_SPOT, mexc(500)),
        (MEXC_SPOT, mexc(504)),
    ],
)
def test_what_says_nothing_of_the_order_leaves_it_in_doubt(dialect: Dialect, failure: Failure) -> None:
    assert isinstance(outcome(failure, dialect.codes, NOW), OutcomeUnknown)


@pytest.mark.parametrize(
    ("dialect", "failure", "seconds"),
    [
        (OKX_SPOT, failed({"code": "50011", "data": [], "msg": "Too Many Requests"}, 429), 1.0),
        (KUCOIN_SPOT, failed({"code": "429000", "msg": "words"}, 429, {"gw-ratelimit-reset": "7000"}), 7.0),
        (GATE_SPOT, failed({"label": "TOO_MANY_REQUESTS", "message": "words"}, 429), 1.0),
        (MEXC_SPOT, failed({"code": 429, "msg": "words"}, 429, {"retry-after": "3"}), 3.0),
    ],
)
def test_too_many_requests_were_not_processed(dialect: Dialect, failure: Failure, seconds: float) -> None:
    answer = outcome(failure, dialect.codes, NOW)
    assert isinstance(answer, NotSent)
    assert answer.retry_after == seconds


@pytest.mark.parametrize(
    ("dialect", "failure"),
    [
        (OKX_SPOT, failed({"code": "50102", "msg": "Timestamp request expired"}, 401)),
        (KUCOIN_SPOT, kucoin("400002")),
        (GATE_SPOT, gate("REQUEST_EXPIRED")),
        (MEXC_SPOT, mexc(700003)),
    ],
)
def test_a_time_that_is_off_is_no_matter_of_the_key(dialect: Dialect, failure: Failure) -> None:
    assert verdict(failure, dialect.codes).kind is Kind.CLOCK


def test_a_failed_order_at_okx_is_told_by_its_own_words() -> None:
    answer = outcome(okx("51008", "Insufficient account balance"), OKX_SPOT.codes, NOW)
    assert isinstance(answer, Refused)
    assert answer.detail == "51008: Insufficient account balance"


def test_a_failure_at_gate_is_told_by_label_and_message() -> None:
    answer = outcome(gate("ORDER_NOT_FOUND", "no such order"), GATE_SPOT.codes, NOW)
    assert isinstance(answer, Refused)
    assert answer.detail == "ORDER_NOT_FOUND: no such order"


def test_without_a_word_of_how_long_nothing_is_made_up() -> None:
    assert retry_after(Answer(429, "{}", {}), NOW) is None


def test_gate_wants_our_ids_marked_and_words_of_others_are_no_ids() -> None:
    assert GATE_SPOT.sent_id("zg1") == "t-zg1"
    assert GATE_SPOT.own_id("t-zg1") == "zg1"
    assert GATE_SPOT.own_id("apiv4") is None
    assert GATE_SPOT.own_id(None) is None


@pytest.mark.parametrize("dialect", SMALL, ids=lambda dialect: dialect.name)
def test_currencies_are_not_asked_for(dialect: Dialect) -> None:
    exchange = dialect.refined(getattr(import_module("ccxt.pro"), dialect.exchange))({"options": dict(dialect.options)})
    assert exchange.has["fetchCurrencies"] is False


def test_mexcs_prices_are_asked_for_one_by_one() -> None:
    assert MEXC_SPOT.refined(import_module("ccxt.pro").mexc)({}).has["fetchBidsAsks"] is False


def test_mexcs_open_orders_weigh_what_it_says_of_one_market_too() -> None:
    assert MEXC_SPOT.weight(Operation.OPEN_ORDERS) == MEXC_SPOT.weight(Operation.OPEN_ORDERS_OF_MARKET) == 3


def test_kucoin_gives_no_part_of_the_fees_to_others() -> None:
    exchange = KUCOIN_SPOT.refined(import_module("ccxt.pro").kucoin)(
        {"apiKey": "k", "secret": "s", "password": "p", "options": dict(KUCOIN_SPOT.options)}
    )
    headers = exchange.sign("hf/orders/sync", ["private"], "POST", {"clientOid": "1"})["headers"]
    assert not [name for name in headers if "PARTNER" in name]


class Pages:
    """A venue of trades numbered from 1, two a page, the newest first."""

    def __init__(self, count: int) -> None:
        self.trades: list[dict[str, Any]] = [
            {"id": str(n), "timestamp": n, "info": {"bill": str(n)}} for n in range(1, count + 1)
        ]
        self.asked: list[dict[str, Any]] = []

    async def fetch_my_trades(self, _symbol: Any, _since: Any, limit: Any, params: Any) -> list[Any]:
        self.asked.append(dict(params))
        until, before = params.get("until", len(self.trades)), params.get("before", len(self.trades) + 1)
        rows = [row for row in self.trades if row["timestamp"] <= until and int(row["id"]) < before]
        return sorted(rows, key=lambda row: -int(row["id"]))[:limit]


def test_trades_that_are_told_newest_first_are_all_found() -> None:
    venue: Any = refined(Pages)(5)
    rows = asyncio.run(venue.fetch_my_trades("SOL/USDT", 1, 2, {"until": 5}))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5"]


def crowded(by_id: ById | None) -> list[str]:
    """What is read of nine trades of which the fourth to the eighth were made in one moment."""
    venue: Any = refined(Pages, by_id=by_id)(9)
    for row in venue.trades[3:8]:
        row["timestamp"] = 4
    return sorted(row["id"] for row in asyncio.run(venue.fetch_my_trades("SOL/USDT", 1, 2, {})))


def test_more_trades_at_one_moment_than_a_page_holds_are_all_found_by_their_ids() -> None:
    assert crowded(ById("before", told_as="bill")) == [str(number) for number in range(1, 10)]


@pytest.mark.expects_log_warnings
def test_without_ids_the_trades_around_a_crowded_moment_are_read_and_its_rest_is_told_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert crowded(None) == ["1", "2", "3", "7", "8", "9"]
    assert [message for message in caplog.messages if "some may be missing" in message]


def test_okx_lists_more_open_orders_than_a_page_holds() -> None:
    class Listed:
        async def fetch_open_orders(self, _symbol: Any, _since: Any, limit: int, params: dict[str, Any]) -> Any:
            older = [{"id": str(number)} for number in range(1, 251) if number < int(params.get("after", 251))]
            return older[-limit:]

    venue: Any = _listing(Listed)()
    rows = asyncio.run(venue.fetch_open_orders())
    assert sorted(int(row["id"]) for row in rows) == list(range(1, 251))


def test_mexc_does_not_claim_prices_that_it_cannot_stream_here() -> None:
    venue = make_exchange(MEXC_SPOT, Access(), StreamHooks(lambda: None, lambda _: None))
    assert venue.has["watchTickers"] is False
    assert bool(venue.has["watchBidsAsks"]) is (find_spec("google") is not None)


def test_a_question_about_an_orders_trades_names_it_as_the_venue_does() -> None:
    venue: Any = refined(Pages, order_id_name="ordId")(1)
    asyncio.run(venue.fetch_my_trades("SOL/USDT", None, None, {"orderId": "7"}))
    assert venue.asked == [{"ordId": "7"}]


def test_all_trades_of_an_order_are_found() -> None:
    venue: Any = refined(Pages, order_id_name="ordId")(5)
    rows = asyncio.run(venue.fetch_my_trades("SOL/USDT", None, 2, {"orderId": "7"}))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5"]


def test_trades_of_two_markets_with_one_id_are_two() -> None:
    venue: Any = refined(Pages)(2)
    venue.trades = [{"id": "1", "timestamp": 1, "symbol": symbol} for symbol in ("SOL/USDT", "LINK/USDT")]
    assert len(asyncio.run(venue.fetch_my_trades(None, 1, 5, {}))) == 2
