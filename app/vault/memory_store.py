"""Secrets for `demo`, `replay` and tests."""

from __future__ import annotations

from collections.abc import Mapping

from app.base.secret import Secret


class MemoryStore:
    """A `SecretStore` that forgets everything when the program ends."""

    kind = "memory"

    def __init__(self, secrets: Mapping[str, Secret] | None = None) -> None:
        self._secrets = dict(secrets or {})

    def get(self, name: str) -> Secret | None:
        return self._secrets.get(name)

    def put(self, name: str, secret: Secret) -> None:
        self._secrets[name] = secret

    def delete(self, name: str) -> None:
        self._secrets.pop(name, None)

    def names(self) -> list[str]:
        return sorted(self._secrets)
