"""Ten rounds of what `kill_wire` does by hand two hundred times."""

from __future__ import annotations

import pytest

from tests.crash.kill_wire import play


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_server_killed_over_and_over_keeps_one_book_with_its_exchange(seed: int) -> None:
    play(seed, rounds=5)
