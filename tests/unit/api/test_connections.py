"""How many connections a listener takes."""

from __future__ import annotations

import sys

import pytest

from app.api.connections import DESCRIPTORS, MOST_CONNECTIONS, most_connections

if sys.platform == "win32":
    pytest.skip("Windows does not count descriptors", allow_module_level=True)

import resource

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("allowed", "most", "raised", "taken"),
    [
        (256, ENDLESS, DESCRIPTORS, MOST_CONNECTIONS),
        (1024, 524_288, DESCRIPTORS, MOST_CONNECTIONS),
        (256, 512, 512, 128),
        (256, 256, None, 64),
        (65_536, 524_288, None, MOST_CONNECTIONS),
        (ENDLESS, ENDLESS, None, MOST_CONNECTIONS),
    ],
)
def test_the_process_is_given_more_descriptors_than_both_listeners_take(
    monkeypatch: pytest.MonkeyPatch, allowed: int, most: int, raised: int | None, taken: int
) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (allowed, most))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits[0]))
    assert most_connections() == taken
    assert set_to == ([] if raised is None else [raised])


def test_a_system_that_gives_no_more_leaves_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, ENDLESS))
    monkeypatch.setattr(resource, "setrlimit", refuses)
    assert most_connections() == 64
