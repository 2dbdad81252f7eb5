"""The webhook message: read under limits, every wrong field named, keys that tell duplicates."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.base.errors import InvalidSignal
from app.domain.alert import validate
from app.domain.alert_body import FieldError, InvalidFields, NotAnObject, parse_body, read_number
from app.domain.alert_keys import bar_key, content_key, stored_payload
from app.domain.plaintext import plain_text
from app.domain.signal import PositionWord, Signal
from app.domain.sizing import SizeType
from app.domain.values import MarketType, OrderSide, Side

D = Decimal

FULL: dict[str, Any] = {
    "secret": "s" * 43,
    "source": "tradingview",
    "timestamp": "2026-01-05T00:00:01Z",
    "account": "paper",
    "tv": {
        "exchange": "BINANCE",
        "symbol": "BTCUSDT.P",
        "timeframe": "60",
        "bar_time": "2026-01-05T00:00:00Z",
        "action": "buy",
        "market_position": "long",
        "market_position_size": "0.02",
        "prev_market_position": "flat",
        "prev_market_position_size": "0",
        "entry_price": "100000.5",
        "close_price": "100000.10",
        "order_size": "0.02",
    },
    "strategy_info": {"strategy_id": "s1", "trade_id": "Long", "alert_name": "Mine", "alert_message": "enter"},
    "execution_intent": {"type": "signal", "side": "buy", "position_size_type": "contracts", "leverage": "3"},
    "risk": {"stop_loss": "95000", "take_profit": "110000", "max_slippage_percent": "0.5"},
}
SMALL: dict[str, Any] = {
    "timestamp": "2026-01-05T00:00:01Z",
    "tv": {"exchange": "BINANCE", "symbol": "BTCUSDT", "timeframe": "15", "action": "sell", "close_price": "100000.1"},
    "execution_intent": {"type": "exit"},
}
REQUIRED = [
    "timestamp", "tv", "tv.exchange", "tv.symbol", "tv.timeframe", "tv.action", "tv.close_price", "execution_intent",
    "execution_intent.type",
]  # fmt: skip
LABELS = [
    "strategy_info.strategy_id",
    "strategy_info.trade_id",
    "strategy_info.alert_name",
    "strategy_info.alert_message",
]
PARTS = ["tv", "strategy_info", "execution_intent", "risk"]
LEAVES = [name for name in FULL if name not in PARTS and name != "secret"] + [
    f"{part}.{name}" for part in PARTS for name in FULL[part]
]
NUMBERS = [
    "tv.market_position_size", "tv.prev_market_position_size", "tv.entry_price", "tv.close_price", "tv.order_size",
    "execution_intent.leverage", "risk.stop_loss", "risk.take_profit", "risk.max_slippage_percent",
]  # fmt: skip
WORDS = ["tv.action", "tv.market_position", "tv.prev_market_position", "execution_intent.type", "execution_intent.side",
         "execution_intent.position_size_type"]  # fmt: skip
MISSING = object()


def with_field(path: str, value: object, document: dict[str, Any] = FULL) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    *parts, name = path.split(".")
    target = changed
    for part in parts:
        target = target.setdefault(part, {})
    if value is MISSING:
        del target[name]
    else:
        target[name] = value
    return changed


def body_of(document: object) -> bytes:
    return json.dumps(document).encode()


def read(document: dict[str, Any]) -> Signal:
    return validate(parse_body(body_of(document)))


def errors_of(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        read(document)
    return {error.field: error.reason for error in caught.value.errors}


def body_errors(raw: bytes) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        parse_body(raw)
    return {error.field: error.reason for error in caught.value.errors}


# ---------------------------------------------------------------------------------------------------- what comes out


def test_every_field_of_a_full_message_reaches_the_signal() -> None:
    assert read(FULL) == Signal(
        timestamp=datetime(2026, 1, 5, 0, 0, 1, tzinfo=UTC),
        account="paper",
        exchange="BINANCE",
        symbol="BTC/USDT:USDT",
        market_type=MarketType.LINEAR,
        timeframe="1h",
        action=OrderSide.BUY,
        close_price=D("100000.10"),
        bar_time=datetime(2026, 1, 5, tzinfo=UTC),
        market_position=PositionWord.LONG,
        market_position_size=D("0.02"),
        prev_market_position=PositionWord.FLAT,
        prev_market_position_size=D(0),
        entry_price=D("100000.5"),
        order_size=D("0.02"),
        size_type=SizeType.CONTRACTS,
        strategy_id="s1",
        trade_id="Long",
        alert_name="Mine",
        alert_message="enter",
        intent_type="signal",
        intent_side=OrderSide.BUY,
        leverage=D(3),
        stop_loss=D(95000),
        take_profit=D(110000),
        max_slippage_percent=D("0.5"),
    )


def test_a_message_of_the_required_fields_alone_is_enough() -> None:
    assert read(SMALL) == Signal(
        timestamp=datetime(2026, 1, 5, 0, 0, 1, tzinfo=UTC),
        account=None,
        exchange="BINANCE",
        symbol="BTC/USDT",
        market_type=MarketType.SPOT,
        timeframe="15m",
        action=OrderSide.SELL,
        close_price=D("100000.1"),
        intent_type="exit",
    )


@pytest.mark.parametrize("path", [path for path in LEAVES if path not in REQUIRED])
def test_an_optional_field_may_be_missing(path: str) -> None:
    read(with_field(path, MISSING))


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize(
    "text", ["7", "7.0", "7.5e0", " 7 ", "+7", ".75", "7.", "123456789012345678.12345678901234567890"]
)
def test_a_number_may_come_as_text(path: str, text: str) -> None:
    text = text.replace(".75", "1.75") if path == "execution_intent.leverage" else text
    assert D(text.strip()) in vars_of(read(with_field(path, text)))


@pytest.mark.parametrize("path", NUMBERS)
def test_a_number_may_come_as_json_number_and_keeps_its_digits(path: str) -> None:
    text = "1.100000000000000005551115123125782"
    raw = json.dumps(with_field(path, 123.75)).replace("123.75", text).encode()
    assert text in map(str, vars_of(validate(parse_body(raw))))


def vars_of(signal: Signal) -> list[object]:
    return [getattr(signal, name) for name in signal.__slots__]


@pytest.mark.parametrize(("word", "action"), [("buy", "buy"), ("sell", "sell"), ("long", "buy"), ("SHORT", "sell")])
def test_long_and_short_are_actions_too(word: str, action: str) -> None:
    assert read(with_field("tv.action", word)).action == action


@pytest.mark.parametrize(
    "text", ["2026-01-05T00:00:01", "2026-01-05 00:00:01Z", "2026-01-05T01:00:01+01:00", "2026-01-04T19:30:01.000-0430"]
)
def test_moments_are_utc_whatever_their_offset(text: str) -> None:
    assert read(with_field("timestamp", text)).timestamp == datetime(2026, 1, 5, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", [1767571200000, "1767571200000", "2026-01-05T00:00:00Z", "2026-01-05T00:00"])
def test_a_bar_time_may_be_epoch_milliseconds(value: object) -> None:
    assert read(with_field("tv.bar_time", value)).bar_time == datetime(2026, 1, 5, tzinfo=UTC)


def test_the_timeframe_may_come_as_a_number() -> None:
    assert read(with_field("tv.timeframe", 240)).timeframe == "4h"


def test_sizes_of_positions_count_without_their_sign() -> None:
    assert read(with_field("tv.market_position_size", "-0.02")).market_position_size == D("0.02")


@pytest.mark.parametrize("path", LABELS)
def test_a_label_may_be_empty_or_a_number(path: str) -> None:
    name = path.split(".")[1]
    assert getattr(read(with_field(path, "")), name) == ""
    assert getattr(read(with_field(path, 17)), name) == "17"


def test_an_alert_name_that_tradingview_did_not_fill_in_counts_as_none() -> None:
    assert read(with_field("strategy_info.alert_name", "{{alert_name}}")).alert_name == ""


def test_a_label_is_plain_text_and_its_original_stays_in_the_payload() -> None:
    nasty = "a\x1b[31mred\x1b[0m\x00\n\u202egnirts\u202c <b>b</b>"
    document = parse_body(body_of(with_field("strategy_info.alert_message", nasty)))
    assert validate(document).alert_message == "ared gnirts <b>b</b>"
    assert json.loads(stored_payload(document))["strategy_info"]["alert_message"] == nasty


def test_unknown_fields_are_kept_and_ignored() -> None:
    document = with_field("plot", {"deep": [None, True, ""]}, with_field("tv.volume", 5))
    kept = json.loads(stored_payload(parse_body(body_of(document))))
    assert kept["plot"] == {"deep": [None, True, ""]}
    assert kept["tv"]["volume"] == 5
    assert read(document) == read(FULL)


def test_the_secret_is_not_kept() -> None:
    assert FULL["secret"] not in repr(read(FULL)) + stored_payload(parse_body(body_of(FULL)))


# ---------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("path", REQUIRED)
def test_a_missing_required_field_is_named(path: str) -> None:
    assert errors_of(with_field(path, MISSING)) == {path: "is missing"}


@pytest.mark.parametrize("path", LEAVES)
def test_null_is_refused_and_named(path: str) -> None:
    assert errors_of(with_field(path, None)) == {path: "is null"}


@pytest.mark.parametrize("path", [path for path in LEAVES if path not in LABELS])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_is_refused_and_named(path: str, text: str) -> None:
    assert errors_of(with_field(path, text)) == {path: "is empty"}


@pytest.mark.parametrize("path", [path for path in LEAVES if path != "strategy_info.alert_name"])
def test_an_unexpanded_placeholder_is_refused_and_named(path: str) -> None:
    reason = "still holds the placeholder {{close}}, which was not filled in"
    assert errors_of(with_field(path, "{{close}}")) == {path: reason}


@pytest.mark.parametrize("path", PARTS)
@pytest.mark.parametrize("value", [5, "text", [], None, True])
def test_a_part_that_is_no_object_is_refused_and_named(path: str, value: object) -> None:
    assert errors_of(with_field(path, value)) == {path: "must be an object"}


@pytest.mark.parametrize("path", LEAVES)
@pytest.mark.parametrize("value", [True, [], {}, [1]])
def test_a_value_of_the_wrong_kind_is_refused_and_named(path: str, value: object) -> None:
    assert set(errors_of(with_field(path, value))) == {path}


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize(
    "text", ["NaN", "nan", "sNaN1", "Infinity", "-inf", "1_000", "1,5", "0x10", "12a", "\uff11\uff12", "1 2", "na"]
)
def test_what_is_no_number_is_refused_and_named(path: str, text: str) -> None:
    assert errors_of(with_field(path, text)) == {path: "is not a number"}


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1" * 39, "has more than 38 digits"),
        ("0." + "1" * 39, "has more than 38 digits"),
        ("1" * 1000, "has more than 38 digits"),
        ("1000000000000000000.1", "is outside 1e±18"),
        ("1e19", "is outside 1e±18"),
        ("1e-19", "is outside 1e±18"),
        ("-1e999999999999999999999", "is outside 1e±18"),
    ],
)
def test_a_number_beyond_the_limits_is_refused_as_text_and_as_number(path: str, text: str, reason: str) -> None:
    assert errors_of(with_field(path, text)) == {path: reason}
    raw = json.dumps(with_field(path, 123.75)).replace("123.75", text).encode()
    assert body_errors(raw) == {path: reason}


@pytest.mark.parametrize("text", ["1e18", "-1e18", "1e-18", "0", "-0", "0e-18", "1" + "0" * 18, "0." + "0" * 17 + "1"])
def test_a_number_at_the_limits_is_read(text: str) -> None:
    assert read_number(text) == D(text)


@pytest.mark.parametrize("text", ["0e999999999", "0e-999999999", "0." + "0" * 40])
def test_a_zero_that_is_written_hugely_is_just_zero(text: str) -> None:
    assert str(read_number(text)) == "0"


@pytest.mark.parametrize("path", WORDS)
def test_a_word_that_is_not_of_the_table_is_refused_with_the_words_that_are(path: str) -> None:
    reasons = errors_of(with_field(path, "hold"))
    assert list(reasons) == [path]
    assert reasons[path].startswith("must be one of ")


@pytest.mark.parametrize("path", ["tv.close_price", "risk.stop_loss", "risk.take_profit"])
@pytest.mark.parametrize("text", ["0", "-1"])
def test_a_price_must_be_positive(path: str, text: str) -> None:
    assert errors_of(with_field(path, text)) == {path: "must be more than 0"}


@pytest.mark.parametrize("text", ["0", "-1", "0.5"])
def test_a_leverage_is_1_or_more(text: str) -> None:
    path = "execution_intent.leverage"
    assert errors_of(with_field(path, text)) == {path: "must be 1 or more"}
    assert read(with_field(path, "2.5")).leverage == D("2.5")


@pytest.mark.parametrize("path", ["tv.order_size", "risk.max_slippage_percent"])
def test_an_order_size_may_be_nothing_but_not_less(path: str) -> None:
    read(with_field(path, 0))
    assert errors_of(with_field(path, -1)) == {path: "must not be negative"}


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-01-05", "2026-13-05T00:00:00Z", "20260105T000000Z", "2026-01-05T00:00:00 UTC",
             "1767571200000", "2026-W01-1T00:00:00Z", "0001-01-01T00:00:00+23:00", "9999-12-31T23:00:00-23:00",
             "2026-01-05T00:00:99Z",
             "2026-01-05T::::::", "2026-01-05T00:00:00+99:99"],
)  # fmt: skip
def test_a_timestamp_that_is_no_moment_is_refused(text: str) -> None:
    assert list(errors_of(with_field("timestamp", text))) == ["timestamp"]


@pytest.mark.parametrize("value", [1767571200, 1767571200000.5, -1, 10**17, "²²²²²²²²²²²²²", "1767571200"])
def test_a_bar_time_that_is_no_moment_is_refused(value: object) -> None:
    assert list(errors_of(with_field("tv.bar_time", value))) == ["tv.bar_time"]


@pytest.mark.parametrize("path", ["account", "source", "tv.exchange", "strategy_info.strategy_id"])
@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\u202eb", "a\u200bb", "\x1b[2Jb"])
def test_a_name_with_invisible_characters_is_refused(path: str, text: str) -> None:
    assert errors_of(with_field(path, text)) == {path: "holds control or invisible characters"}


def test_a_symbol_and_a_timeframe_are_refused_in_their_own_words() -> None:
    reasons = errors_of(with_field("tv.symbol", "BTCUSD.P", with_field("tv.timeframe", "100R")))
    assert "inverse" in reasons["tv.symbol"]
    assert "timeframe" in reasons["tv.timeframe"]


@pytest.mark.parametrize(
    ("kind", "position", "refused"),
    [
        ("signal", None, True),
        ("reverse", "long", True),
        ("signal", "long", False),
        ("exit", None, False),
        ("reduce", None, False),
    ],
)
def test_a_message_that_may_open_must_not_name_two_directions(kind: str, position: str | None, refused: bool) -> None:
    document = with_field("execution_intent", {"type": kind, "side": "sell"})
    document = with_field("tv.market_position", position or MISSING, document)
    if refused:
        assert errors_of(document) == {"execution_intent.side": "says sell, but tv.action says buy"}
    else:
        assert read(document).intent_side is OrderSide.SELL


def test_every_failing_field_is_named_at_once() -> None:
    wrong = {"timestamp": "x", "account": "", "tv": {"symbol": "X", "action": "hold", "close_price": None}, "risk": 1}
    assert set(errors_of(wrong)) == {
        "timestamp", "account", "tv.exchange", "tv.symbol", "tv.timeframe", "tv.action", "tv.close_price",
        "execution_intent", "risk",
    }  # fmt: skip


def test_a_refusal_reads_as_a_sentence_and_keeps_what_was_sent_but_repeats_no_value() -> None:
    with pytest.raises(InvalidFields, match=r"^tv\.close_price is not a number$") as caught:
        read(with_field("tv.close_price", "topsecret"))
    assert caught.value.errors == (FieldError("tv.close_price", "is not a number"),)
    assert caught.value.document is not None
    assert caught.value.document["secret"] == FULL["secret"]


# ---------------------------------------------------------------------------------------------------- reading a body


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"[]",
        b"5",
        b'"text"',
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"a":1}x',
        b"{'a': 1}",
        b'{"a":"\n"}',
        b"NaN",
    ],
)
def test_what_is_no_json_object_is_told_apart(raw: bytes) -> None:
    with pytest.raises(NotAnObject) as caught:
        parse_body(raw)
    assert str(caught.value)


def test_an_unquoted_placeholder_is_named_though_the_body_is_no_json() -> None:
    with pytest.raises(NotAnObject, match=r"\{\{close\}\} was not filled in"):
        parse_body(b'{"secret": "abc", "tv": {"close_price": {{close}}}}')


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert parse_body(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_bare_nan_names_its_field(word: str) -> None:
    assert body_errors(f'{{"tv": {{"close_price": {word}}}}}'.encode()) == {
        "tv.close_price": f"is {word}, not a number"
    }


def test_a_repeated_key_is_named_at_any_depth() -> None:
    raw = b'{"tv": {"action": "buy", "action": "sell"}, "x": [{"y": 1, "y": 1}], "x": [{"y": 1, "y": 1, "y": 2}]}'
    given_twice = "is given more than once"
    assert body_errors(raw) == {"tv.action": given_twice, "x": given_twice, "x.0.y": given_twice}


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def test_nesting_up_to_eight_is_read() -> None:
    parse_body(nested(8))


def test_nesting_deeper_than_eight_is_refused_where_it_begins() -> None:
    assert body_errors(nested(9)) == {"a.a.a.a.a.a.a.a": "is nested deeper than 8"}


@pytest.mark.parametrize(
    "raw", [nested(10_000), b"[" * 60_000, b'{"a":' * 12_000, b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"]
)
def test_absurd_nesting_is_refused_without_exhausting_the_stack(raw: bytes) -> None:
    assert set(body_errors(raw).values()) == {"is nested deeper than 8"}


@pytest.mark.parametrize(
    ("text", "refused"), [("x" * 1024, False), ("x" * 1025, True), ("é" * 512, False), ("é" * 513, True)]
)
def test_a_text_may_hold_a_kilobyte(text: str, refused: bool) -> None:
    for document in ({"extra": text}, {"extra": [text]}, {text: 1}):
        if refused:
            assert len(body_errors(body_of(document))) == 1
        else:
            parse_body(body_of(document))


def test_limits_hold_for_unknown_fields_too() -> None:
    raw = b'{"x": [1e99, {"y": ' + b"9" * 50_000 + b"}]}"
    assert body_errors(raw) == {"x.0": "is outside 1e±18", "x.1.y": "has more than 38 digits"}


def test_half_a_surrogate_pair_is_refused() -> None:
    assert body_errors(rb'{"a": "\ud800", "b": "\ud83d\ude00"}') == {"a": "is not valid Unicode"}


def test_a_field_path_is_safe_to_show() -> None:
    (path,) = body_errors(body_of({"\x1b[31mred\n" + "x" * 2000: 1}))
    assert path.startswith("red")
    assert len(path) < 80
    assert path.isprintable()


def test_the_list_of_errors_is_bounded() -> None:
    assert len(body_errors(b'{"x": [' + b",".join([b"1e99"] * 5_000) + b"]}")) == 64


def test_what_broke_a_limit_can_still_be_recorded_and_its_sender_told_apart() -> None:
    raw = b'{"secret": "abc", "big": 1e99, "nan": NaN, "long": "' + b"x" * 2000 + b'", "deep": ' + nested(12) + b"}"
    with pytest.raises(InvalidFields) as caught:
        parse_body(raw)
    document = caught.value.document
    assert document is not None
    assert document["secret"] == "abc"
    stored = json.loads(stored_payload(document))
    assert (stored["big"], stored["nan"], len(stored["long"])) == ("1e99", "NaN", 65)


# ---------------------------------------------------------------------------------------------------- keys


def test_the_stored_payload_is_sorted_and_without_the_secret() -> None:
    document = parse_body(
        b'{"b": [1, 2.50, "x", null, true, false], "secret": "s", "a": {"d": {}, "c": "\xc3\xa9\\u0000"}}'
    )
    assert stored_payload(document) == r'{"a":{"c":"\u00e9\u0000","d":{}},"b":[1,2.50,"x",null,true,false]}'


def content_of(document: Any) -> str:
    return content_key(stored_payload(document))


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", '"1"'), ("1", "true"), ("0", "null"), ('""', "null")])
def test_messages_that_differ_in_their_text_have_different_keys(one: str, other: str) -> None:
    assert content_of(parse_body(f'{{"a":{one}}}'.encode())) != content_of(parse_body(f'{{"a":{other}}}'.encode()))


def test_a_float_has_no_place_in_a_message() -> None:
    with pytest.raises(TypeError, match="float"):
        stored_payload({"a": 1.5})


def key_of(
    path: str = "source", value: object = "tradingview", account: str = "paper", side: Side = Side.LONG
) -> str | None:
    return bar_key(read(with_field(path, value)), account, side)


def test_a_bar_key_is_the_same_for_one_order_of_a_bar_however_it_is_sent() -> None:
    assert key_of() is not None
    for path, value in [
        ("timestamp", "2026-01-05T00:00:09Z"), ("tv.close_price", "7"), ("tv.order_size", "5"), ("tv.timeframe", "1h"),
        ("tv.symbol", "BTC/USDT:USDT"), ("tv.market_position_size", "0.0200"), ("tv.action", "long"),
        ("tv.bar_time", 1767571200000), ("strategy_info.alert_name", "Other"),
    ]:  # fmt: skip
        assert key_of(path, value) == key_of(), path


def test_a_bar_key_differs_where_another_order_is_meant() -> None:
    others = [
        key_of(path, value) for path, value in [
            ("tv.symbol", "BTCUSDT"), ("tv.timeframe", "15"), ("strategy_info.strategy_id", "s2"),
            ("tv.bar_time", "2026-01-05T01:00:00Z"), ("strategy_info.trade_id", "Short"),
            ("tv.market_position", "short"), ("tv.market_position_size", "0.03"),
        ]
    ]  # fmt: skip
    sold = with_field("execution_intent.side", MISSING, with_field("tv.action", "sell"))
    others += [key_of(account="other"), key_of(side=Side.SHORT), bar_key(read(sold), "paper", Side.LONG)]
    assert len({key_of(), *others}) == 1 + len(others)


def test_there_is_no_bar_key_without_a_bar_time() -> None:
    assert bar_key(read(SMALL), "paper", Side.LONG) is None


# ---------------------------------------------------------------------------------------------------- properties

numbers = st.integers(0, 18).flatmap(
    lambda places: st.integers(-(10 ** (18 + places)), 10 ** (18 + places)).map(lambda digits: D(f"{digits}e-{places}"))
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["buy", "{{close}}", "60", "1e5"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(draw(st.sampled_from([FULL, SMALL])))
    for path in draw(st.lists(st.sampled_from([*LEAVES, "extra"]), max_size=4, unique=True)):
        document.update(with_field(path, draw(values), document))
    return document


def read_or_refused(raw: bytes) -> dict[str, Any] | InvalidSignal:
    try:
        return parse_body(raw)
    except (NotAnObject, InvalidFields) as refused:
        return refused


def validated_or_refused(document: dict[str, Any]) -> Signal | InvalidFields:
    try:
        return validate(document)
    except InvalidFields as refused:
        return refused


@given(st.binary() | st.text().map(str.encode) | values.map(body_of) | messages().map(body_of))
@example(b'{"a": 1e999999999999999999999999}')
@example(b'{"\\ud800": "\\ud800"}')
def test_any_body_is_read_or_refused_and_can_be_stored(raw: bytes) -> None:
    match read_or_refused(raw):
        case InvalidFields() as refused:
            assert refused.errors
            json.loads(stored_payload(refused.document or {}))
        case dict() as document:
            stored = stored_payload(document).encode()
            assert parse_body(stored) == {key: document[key] for key in document if key != "secret"}
        case refused:
            assert str(refused)


@given(st.dictionaries(st.sampled_from([*FULL, "x"]), values) | messages())
def test_any_object_is_a_signal_or_every_wrong_field_is_named(document: dict[str, Any]) -> None:
    result = validated_or_refused(document)
    if isinstance(result, InvalidFields):
        assert result.errors
        assert all(error.field and error.reason for error in result.errors)


@given(numbers, st.booleans(), st.sampled_from(NUMBERS))
def test_a_number_passes_through_without_losing_a_digit(number: Decimal, quoted: bool, path: str) -> None:
    text = str(number)
    raw = json.dumps(with_field(path, 123.75)).replace("123.75", f'"{text}"' if quoted else text).encode()
    document = parse_body(raw)
    part, name = path.split(".")
    assert str(document[part][name]) == text
    result = validated_or_refused(document)
    if isinstance(result, InvalidFields):
        assert number <= 0 or (number < 1 and path == "execution_intent.leverage")
    else:
        assert text.lstrip("-") in [str(value).lstrip("-") for value in vars_of(result)]


@given(messages(), st.randoms(use_true_random=False), st.text(max_size=20))
def test_the_content_key_knows_neither_the_order_of_keys_nor_the_secret(
    document: dict[str, Any], order: Any, secret: str
) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = list(value)
        order.shuffle(names)
        return {name: shuffled(value[name]) for name in names}

    one = read_or_refused(body_of(document))
    other = read_or_refused(body_of(shuffled({**document, "secret": secret})))
    if isinstance(one, InvalidSignal) or isinstance(other, InvalidSignal):
        assert type(one) is type(other)
        return
    assert content_of(one) == content_of(other)


@given(st.text())
def test_plain_text_is_one_line_without_anything_invisible_and_stable(text: str) -> None:
    shown = plain_text(text)
    assert not any(ord(character) < 32 or 0x7F <= ord(character) <= 0x9F for character in shown)
    assert not set(shown) & set("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert plain_text(shown) == shown


def test_plain_text_keeps_what_people_write() -> None:
    for text in ["Kauf – Größe 5 %", "買い", "👩‍👩‍👧 ok", "<b>&amp;", "a  b"]:
        assert plain_text(text) == text
