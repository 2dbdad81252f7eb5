"""At which prices the live orders of a market do something, nearest first."""

from __future__ import annotations

import heapq
from decimal import Decimal

_STALE_KEPT = 64


class Triggers:
    """Two heaps, of prices to fall to and to rise to. What changed leaves its old entry behind until it comes up."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[Decimal, bool]] = {}
        self._falling: list[tuple[Decimal, int]] = []
        self._rising: list[tuple[Decimal, int]] = []

    def put(self, number: int, price: Decimal, is_above: bool) -> None:
        """Watch for the price to rise to `price` (`is_above`), or to fall to it."""
        if self._places.get(number) == (price, is_above):
            return
        self._places[number] = (price, is_above)
        if is_above:
            heapq.heappush(self._rising, (price, number))
        else:
            heapq.heappush(self._falling, (-price, number))
        if len(self._rising) + len(self._falling) > 2 * len(self._places) + _STALE_KEPT:
            self._sweep()

    def drop(self, number: int) -> None:
        self._places.pop(number, None)

    def are_reached(self, lowest: Decimal, highest: Decimal) -> bool:
        self._clean()
        return bool(
            (self._falling and -self._falling[0][0] >= lowest) or (self._rising and self._rising[0][0] <= highest)
        )

    def reached(self, lowest: Decimal, highest: Decimal) -> list[int]:
        """The numbers of the orders whose price lies within what the market spans now, or beyond."""
        found = _reached(self._falling, -lowest, self._places, is_above=False)
        return found + _reached(self._rising, highest, self._places, is_above=True)

    def _clean(self) -> None:
        while self._falling and self._places.get(self._falling[0][1]) != (-self._falling[0][0], False):
            heapq.heappop(self._falling)
        while self._rising and self._places.get(self._rising[0][1]) != (self._rising[0][0], True):
            heapq.heappop(self._rising)

    def _sweep(self) -> None:
        places = self._places.items()
        self._rising = [(price, number) for number, (price, is_above) in places if is_above]
        self._falling = [(-price, number) for number, (price, is_above) in places if not is_above]
        heapq.heapify(self._rising)
        heapq.heapify(self._falling)


def _reached(
    heap: list[tuple[Decimal, int]], bound: Decimal, places: dict[int, tuple[Decimal, bool]], *, is_above: bool
) -> list[int]:
    """Entries up to `bound`, which stay in the heap: walk the tree of it, whose branches only get farther."""
    found: dict[int, None] = {}
    branches = [0]
    while branches:
        index = branches.pop()
        if index < len(heap) and heap[index][0] <= bound:
            price, number = heap[index]
            if places.get(number) == (price if is_above else -price, is_above):
                found[number] = None
            branches += [2 * index + 1, 2 * index + 2]
    return list(found)
