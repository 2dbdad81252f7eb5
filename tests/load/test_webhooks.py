"""Three seconds of what `webhooks` does by hand for a minute and a half."""

from __future__ import annotations

import pytest

from tests.load.messages import Kind
from tests.load.webhooks import Plan, run


@pytest.mark.timeout(600)
def test_every_valid_signal_is_answered_in_time_and_recorded_once() -> None:
    report = run(Plan(senders=20, seconds=3, warm_up=0, rate=100, memory_is_bound=False, slowest_sec=30))
    assert report["first failures"] == []
    kinds = {told.partition(" -> ")[0] for told in report["answers"]}
    assert kinds == {kind.value for kind in Kind}
