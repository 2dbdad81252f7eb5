"""Who may send: secret, signature, lock-out; and what is never told or logged."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest
import structlog

from tests.support.examples import SECRET, key_of, message
from tests.support.fakes import FakeEngine, FakeKeys, HandClock
from tests.unit.api.conftest import STRANGER, Front

WRONG = "w" * 43
RAW = json.dumps(message(secret=None)).encode()


def signed(raw: bytes, stamp: str = "1767614400", secret: str = SECRET, name: str = "default") -> dict[str, str]:
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    return {"X-Webhook-Key": name, "X-Timestamp": stamp, "X-Signature": f"sha256={digest}"}


def unauthorized(answer: httpx.Response) -> bool:
    told = answer.json()
    return answer.status_code == 401 and not told.get("fields") and "signal_id" not in told


@pytest.mark.parametrize("secret", [WRONG, "", None, 7, ["a"], SECRET + "x", SECRET[:-1], "\ud800"])
async def test_a_wrong_or_missing_secret_is_answered_401_and_no_more(
    engine: FakeEngine, front: Front, secret: Any
) -> None:
    answer = await front.post(message(secret=secret))
    assert unauthorized(answer)
    assert engine.asked == []


async def test_a_strangers_answer_does_not_tell_which_field_is_wrong(front: Front) -> None:
    answers = [await front.post(message(secret=WRONG, tv=tv), peer="127.0.0.1") for tv in ({}, {"symbol": "x"}, None)]
    assert all(unauthorized(answer) for answer in answers)
    assert len({answer.content for answer in answers}) == 1


async def test_a_signature_over_time_stamp_and_body_stands_for_the_secret(engine: FakeEngine, front: Front) -> None:
    answer = await front.post(RAW, signed(RAW))
    assert answer.status_code == 202
    assert engine.asked[0].grant.name == "default"


@pytest.mark.parametrize(
    "stamp", ["1767614400", "1767614340", "1767614460", "2026-01-05T12:00:30Z", "2026-01-05T12:00:00"]
)
async def test_the_time_stamp_may_be_sixty_seconds_off(front: Front, stamp: str) -> None:
    assert (await front.post(RAW, signed(RAW, stamp))).status_code == 202


@pytest.mark.parametrize(
    "stamp", ["1767614339", "1767614461", "", "now", "-1", "1e9", "9" * 40, "2026-01-05T13:00:00Z"]
)
async def test_an_old_early_or_unreadable_time_stamp_is_refused(engine: FakeEngine, front: Front, stamp: str) -> None:
    assert unauthorized(await front.post(RAW, signed(RAW, stamp)))
    assert engine.asked == []


@pytest.mark.parametrize(
    "change",
    [
        {"X-Signature": "sha256=" + "0" * 64},
        {"X-Signature": ""},
        {"X-Signature": "sha256="},
        {"X-Webhook-Key": "another"},
        {"X-Timestamp": "1767614401"},
    ],
)
async def test_a_signature_that_does_not_fit_is_refused(front: Front, change: dict[str, str]) -> None:
    assert unauthorized(await front.post(RAW, {**signed(RAW), **change}))


async def test_a_signature_of_another_body_is_refused(front: Front) -> None:
    assert unauthorized(await front.post(RAW + b" ", signed(RAW)))


async def test_a_bad_signature_is_not_saved_by_a_good_secret(front: Front) -> None:
    raw = json.dumps(message()).encode()
    assert unauthorized(await front.post(raw, signed(raw, secret=WRONG)))


async def test_both_keys_of_a_rotated_name_may_sign(front: Front) -> None:
    front.keys.valid = (key_of("default", "n" * 43), key_of("default", SECRET))
    assert (await front.post(RAW, signed(RAW))).status_code == 202
    assert (await front.post(RAW, signed(RAW, secret="n" * 43))).status_code == 202


async def test_a_signed_body_that_is_no_object_is_answered_400(engine: FakeEngine, front: Front) -> None:
    for raw in (b"not json", b"[1]", b"", b"\xff"):
        answer = await front.post(raw, signed(raw))
        assert answer.status_code == 400
        assert set(answer.json()) >= {"error", "detail"}
    assert engine.asked == []


async def test_secrets_path_tokens_and_signatures_are_compared_in_constant_time(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[Any, Any]] = []

    def spy(left: Any, right: Any) -> bool:
        compared.append((left, right))
        return bool(left == right)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    await front.post(message(secret=WRONG))
    assert front.keys.matched == 1
    compared.clear()
    await front.post(RAW, signed(RAW, secret=WRONG))
    assert compared


# ------------------------------------------------------------------------------------------------------------- lock-out


async def fail(front: Front, times: int, peer: str = STRANGER) -> list[int]:
    return [(await front.post(message(secret=WRONG), peer=peer)).status_code for _ in range(times)]


async def test_ten_failures_in_a_minute_lock_a_known_address_out_for_a_minute(front: Front, clock: HandClock) -> None:
    assert await fail(front, 10) == [401] * 10
    answer = await front.post(message(secret=WRONG))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 61
    clock.advance(61)
    assert await fail(front, 1) == [401]


async def test_failures_spread_over_more_than_a_minute_lock_nobody_out(front: Front, clock: HandClock) -> None:
    for _ in range(30):
        assert await fail(front, 1) == [401]
        clock.advance(7)


async def test_a_valid_key_is_never_answered_429(front: Front) -> None:
    await fail(front, 20)
    assert (await front.post(message())).status_code == 202
    assert (await front.post(RAW, signed(RAW))).status_code == 202


async def test_one_address_locked_out_leaves_the_others_alone(front: Front) -> None:
    await fail(front, 20)
    assert await fail(front, 1, peer="198.51.100.7") == [401]


async def test_this_machines_own_address_is_never_locked_out(front: Front) -> None:
    assert await fail(front, 30, peer="127.0.0.1") == [401] * 30


async def test_behind_our_own_tunnel_the_forwarded_address_is_locked_out(front: Front) -> None:
    front.serving(trusted_peers=frozenset({"127.0.0.1"}))

    async def told(address: str) -> int:
        headers = {"CF-Connecting-IP": address}
        return (await front.post(message(secret=WRONG), headers, peer="127.0.0.1")).status_code

    assert [await told("198.51.100.7") for _ in range(11)] == [401] * 10 + [429]
    assert await told("198.51.100.8") == 401


async def test_behind_our_own_tunnel_a_sender_without_an_address_is_not_locked_out(front: Front) -> None:
    front.serving(trusted_peers=frozenset({"127.0.0.1"}))
    assert await fail(front, 30, peer="127.0.0.1") == [401] * 30


# ------------------------------------------------------------------------------------------------------------------ log


async def test_what_was_tried_is_never_logged(front: Front, keys: FakeKeys) -> None:
    with structlog.testing.capture_logs() as lines:
        await front.post(message())
        await front.post(message(secret=WRONG), path="/webhook/tradingview/p4th?key=qu3ry")
        await front.post(RAW, signed(RAW, secret=WRONG))
        await front.post(message(tv={}))
        await front.post(b"{" + SECRET.encode())
    text = repr(lines)
    signature = signed(RAW, secret=WRONG)["X-Signature"].removeprefix("sha256=")
    assert [leak for leak in (SECRET, WRONG, signature, "p4th", "qu3ry") if leak in text] == []


async def test_a_failed_attempt_is_logged_with_its_address_and_reason(front: Front) -> None:
    with structlog.testing.capture_logs() as lines:
        await front.post(message(secret=WRONG))
    (refusal,) = [line for line in lines if STRANGER in repr(line)]
    assert refusal["reason"]


async def test_each_request_is_one_line_with_status_and_time(front: Front) -> None:
    with structlog.testing.capture_logs() as lines:
        await front.post(message())
    (line,) = lines
    assert line["status"] == 202
    assert line["ms"] >= 0


@pytest.mark.parametrize("body", [b"hello", b"[1]", b"", b"{", b"\xff"])
async def test_what_is_no_object_is_answered_400_and_counts_as_no_attempt(front: Front, body: bytes) -> None:
    for _ in range(30):
        answer = await front.post(body)
        assert answer.status_code == 400
        assert answer.json()["error"] == "not_json"


async def test_what_is_nested_beyond_reading_is_answered_422(front: Front, engine: FakeEngine) -> None:
    answer = await front.post(b'{"a":' * 100_000)
    assert answer.status_code in {400, 413, 422}
    deep = await front.post(b'{"secret": "x", "a":' + b"[" * 5000 + b"]" * 5000 + b"}")
    assert deep.status_code == 422
    assert engine.asked == []
