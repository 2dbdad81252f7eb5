"""Where secrets are kept, and the webhook keys among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret


class VaultUnavailable(OperatorActionNeeded):
    """There is no place to keep secrets, or it cannot be reached, read or written."""

    exit_status = 2


class VaultLocked(OperatorActionNeeded):
    """The operating system's keyring is there, but locked."""


class WrongPassphrase(OperatorActionNeeded):
    """The passphrase does not open the vault file."""


class VaultCorrupt(OperatorActionNeeded):
    """What the vault holds is not what was put there."""


class SecretTooLarge(OperatorActionNeeded):
    """The value is larger than this store takes."""


class SecretStore(Protocol):
    """Secrets by name.

    Every call may block for long (a keyring can ask the trader to unlock it), so callers keep it off the event loop
    with `asyncio.to_thread`; any thread may call. Raises the errors of this module.
    """

    @property
    def kind(self) -> str:
        """`keyring`, `file vault` or `memory`."""
        ...

    def get(self, name: str) -> Secret | None:
        """None when there is no such name; never because the store could not be read."""
        ...

    def put(self, name: str, secret: Secret) -> None:
        """Keeps `secret` under `name`, in place of what was there. Either done or raised: nothing in between."""
        ...

    def delete(self, name: str) -> None:
        """Forgets `name`; no error when it was not there."""
        ...

    def names(self) -> list[str]:
        """Every name, sorted."""
        ...


@dataclass(frozen=True)
class WebhookKey:
    """What lets a sender in, and what it may do. Empty `accounts`, `symbols` and `intents` mean all of them."""

    name: str
    secret: Secret
    accounts: tuple[str, ...]
    symbols: tuple[str, ...]
    intents: tuple[str, ...]
    max_quote: Decimal | None
    """The largest entry it may ask for, in quote currency."""
    allows_live: bool
    created_at: datetime
    expires_at: datetime | None
    revoked: bool

    def is_valid_at(self, moment: datetime) -> bool:
        return not self.revoked and (self.expires_at is None or moment < self.expires_at)


class WebhookKeys(Protocol):
    """The webhook keys as the listeners need them: from memory, without I/O, in constant time."""

    def keys(self) -> tuple[WebhookKey, ...]:
        """Those valid now, the newest first. After a rotation two bear one name until the grace is over."""
        ...

    def match(self, secret_text: str) -> WebhookKey | None:
        """The valid key whose secret this is."""
        ...

    def by_name(self, name: str) -> WebhookKey | None:
        """The newest valid key of that name. A signature may still be the older one's: `keys` has both."""
        ...

    def path_token_matches(self, text: str) -> bool: ...
