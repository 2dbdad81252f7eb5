"""What the log tells of requests at debug level."""

from __future__ import annotations

import pytest

from app.exchange.ccxt.telling import MOST_SHOWN, shown

SECRET = "0xdeadBEEF-42/+="


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"symbol=BTCUSDT&timestamp=1&recvWindow=5000&signature={SECRET}", "symbol=BTCUSDT"),
        (f"https://x.example/v3/order?symbol=A&signature={SECRET}", "https://x.example/v3/order?symbol=A"),
        (f"listenKey={SECRET}", ""),
        (f"user=0x1&nonce=2&signature={SECRET}&symbol=A", "user=0x1&symbol=A"),
        (f'{{"listenKey":"{SECRET}"}}', "{}"),
        (f'{{"token": "{SECRET}", "code": "200000"}}', '{"code": "200000"}'),
        ("symbol=TOKENUSDT&side=BUY", "symbol=TOKENUSDT&side=BUY"),
        ('{"symbol":"SIGNUSDT","assignment":"1"}', '{"symbol":"SIGNUSDT","assignment":"1"}'),
    ],
)
def test_what_proves_who_asks_is_left_out_and_all_else_stays(said: str, told: str) -> None:
    assert shown(said) == told


def test_a_long_text_is_cut_and_told_to_be() -> None:
    told = shown("x" * (MOST_SHOWN + 1))
    assert told == "x" * MOST_SHOWN + f"… ({MOST_SHOWN + 1} characters)"


def test_a_secret_that_the_cut_goes_through_is_left_out_too() -> None:
    start = "x" * (MOST_SHOWN - 20)
    assert shown(f'{start}"token":"{SECRET * 9}"').startswith(f"{start}… (")
