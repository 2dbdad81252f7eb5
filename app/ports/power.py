"""How this computer is kept from falling asleep."""

from __future__ import annotations

from typing import Protocol


class StayAwake(Protocol):
    """One hold on the operating system, which ends with this process however that ends."""

    @property
    def held(self) -> bool:
        """Whether the system holds off sleep for us now."""
        ...

    async def hold(self, reason: str) -> None:
        """Ask the system not to fall asleep by itself; nothing where it does already. `held` tells whether it does."""
        ...

    async def release(self) -> None:
        """Let it sleep again; nothing where it is not held."""
        ...
