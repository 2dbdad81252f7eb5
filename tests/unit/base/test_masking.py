"""No text shows a secret that is in use, in whatever form it is echoed."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from urllib.parse import quote

import pytest

from app.base.log import redact, set_up
from app.base.masking import keep_out, masked

KEY = "wQ8+rT2/vX5=nB7mK4jL4B19"
keep_out([KEY])


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"origin_string[1763740000000{KEY}5000category=linear]",
        json.dumps({"apiKey": KEY}),
        f"x?key={quote(KEY, '')}&b=1",
        KEY.upper(),
        KEY.lower(),
    ],
)
def test_a_known_secret_is_masked_wherever_it_stands(text: str) -> None:
    shown = masked(text)
    assert KEY.lower() not in shown.lower()
    assert quote(KEY, "") not in shown
    assert "••••4B19".lower() in shown.lower()


def test_what_surrounds_it_stays() -> None:
    assert masked(f"10004: error sign! [17{KEY}50]") == "10004: error sign! [17••••4B1950]"


def test_words_too_short_to_be_keys_are_not_taken_out_of_texts() -> None:
    keep_out(["", "key", "secret"])
    assert masked("the key is no secret") == "the key is no secret"


def test_the_newest_of_a_place_comes_instead_of_the_one_before() -> None:
    keep_out(["listen-key-one"], "listen key of x")
    keep_out(["listen-key-two"], "listen key of x")
    assert masked("listen-key-one listen-key-two") == "listen-key-one ••••-two"


def test_the_log_does_not_show_it() -> None:
    assert redact({"event": f"answer {KEY}", "rows": [KEY]}) == {"event": "answer ••••4B19", "rows": ["••••4B19"]}


@pytest.mark.expects_log_warnings
def test_the_log_file_does_not_show_it_in_a_traceback(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    set_up("debug", tmp_path)
    logging.getLogger("app").warning("broke", exc_info=ValueError(f"sign of {KEY}"))
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    assert KEY not in (tmp_path / "ziggurat.log").read_text()
