"""A private stream whose key has expired."""

from __future__ import annotations

from typing import Any


def outliving(base: Any) -> Any:
    """`base`, giving up a private stream whose listen key has expired: a new one comes with a new key (hazard 33).

    The venue leaves the connection open and says nothing more over it; ccxt does not know the event.
    """

    class Outliving(base):  # type: ignore[misc]  # ccxt is untyped
        def handle_message(self, client: Any, message: Any) -> Any:
            told = message.get("data", message) if isinstance(message, dict) else None
            if isinstance(told, dict) and told.get("e") == "listenKeyExpired":
                client.on_error(ConnectionResetError("the listen key has expired"))
                return None
            return super().handle_message(client, message)

    return Outliving
