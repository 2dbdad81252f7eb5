"""Seed after seed: drawn, played, and made small where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.replay.simulation.chance import Document
from app.replay.simulation.drawing import draw
from app.replay.simulation.playing import play, play_twice
from app.replay.simulation.shrinking import shrink

STEPS_A_SEED = 60
TWICE_EVERY = 8
"""Of so many seeds one is played twice, to see whether it shows the same."""


@dataclass(frozen=True, slots=True)
class SeedPlayed:
    """`failure` is what the smallest scenario, else the drawn one, shows first; None where nothing fails.

    `scenario` is the smallest that fails so; None where an earlier seed, `like`, failed in the same way.
    """

    seed: int
    failure: str | None = None
    scenario: Document | None = None
    like: int | None = None


def simulate(seed: int, steps: int) -> Iterator[SeedPlayed]:
    """Play `seed` and those after it, 60 random steps each, until `steps` have been played in all.

    The last scenario is as long as what is left. The same arguments give the same answers.
    """
    known: dict[str, int] = {}
    while steps > 0:
        yield _played(seed, min(steps, STEPS_A_SEED), known)
        seed, steps = seed + 1, steps - STEPS_A_SEED


def _played(seed: int, steps: int, known: dict[str, int]) -> SeedPlayed:
    """`known` are the kinds of failures so far, each with its first seed."""
    scenario = draw(seed, steps)
    played = play_twice(scenario) if seed % TWICE_EVERY == 0 else play(scenario)
    if not played.failures:
        return SeedPlayed(seed)
    first = played.failures[0]
    if first.kind in known:
        return SeedPlayed(seed, first.sentence, like=known[first.kind])
    known[first.kind] = seed
    smallest = shrink(played, first.kind)
    return SeedPlayed(seed, (smallest.fails_as(first.kind) or first).sentence, smallest.scenario)
