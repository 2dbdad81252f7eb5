"""What breaks by a fault of the program: it is kept apart from the rest, and told once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from app.base.errors import InvariantBroken
from app.engine import emergency, unheard
from app.engine.turn import Turn

log = structlog.get_logger("engine")


class Defects:
    """`told` is the list of them; none must ever be in it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._known: dict[str, str] = {}
        """What is broken now, and how: it is tried again every few seconds."""

    def isolated(self, turn: Turn, what: str, work: Callable[..., Any], *args: Any) -> None:
        """Do `work(turn, *args)`, or nothing of it where it breaks; all else in the turn stands."""
        savepoint = turn.savepoint()
        try:
            work(turn, *args)
        except Exception as error:  # noqa: BLE001 - whatever it is, `broke` keeps it
            turn.rollback(savepoint)
            self.broke(turn, what, error)
        else:
            self._known.pop(what, None)

    def lost(self, turn: Turn, message: object, error: Exception) -> None:
        """A message came to nothing: it broke its handler, or the database refused what follows from it."""
        what = type(message).__name__
        log.warning("a message was lost", message=what, about=unheard.orders_of(message), error=repr(error))
        self.isolated(turn, f"what is not known without {what}", unheard.doubt, message)
        self.broke(turn, f"what follows from {what}", error)

    def broke(self, turn: Turn, what: str, error: Exception) -> None:
        """Tell the trader once. After a broken invariant there are no entries until a person has looked."""
        if self._known.get(what) == repr(error):
            return
        self._known[what] = repr(error)
        self.note(what, error)
        turn.alert("critical", f"{what} broke by a fault of this program: {error!r}; the log has the details")
        if isinstance(error, InvariantBroken):
            self.isolated(turn, "the emergency stop", emergency.trip, "invariant", f"an invariant is broken: {error}")

    def note(self, what: str, error: Exception) -> None:
        log.error("a part of the engine broke", what=what, exc_info=error)
        self.told.append(f"{what}: {error!r}")
