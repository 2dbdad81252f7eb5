"""Ten rounds of what `kill_serve` does by hand two hundred times."""

from __future__ import annotations

import pytest

from tests.crash.kill_serve import play


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_killed_server_loses_nothing_and_doubles_nothing(seed: int) -> None:
    play(seed)
