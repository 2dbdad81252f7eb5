"""The vault and what is read from it as a process starts."""

from __future__ import annotations

import asyncio
import getpass
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from app.accounts.keys import AccountVault, Keys, fingerprint
from app.base.clock import LoopClock
from app.base.config import Config
from app.bootstrap.settings import Settings
from app.ports.secrets import SecretStore
from app.vault.open import open_vault, remember
from app.vault.webhook_keys import WebhookKeyring


async def unlock(settings: Settings) -> SecretStore:
    """The vault of the data directory; a person is asked for its passphrase where there is one to ask."""
    asks = getpass.getpass if sys.stdin is not None and sys.stdin.isatty() else None
    return await asyncio.to_thread(open_vault, settings.data_dir, settings.environ, asks)


async def open_keys(vault: SecretStore, clock: LoopClock, data_dir: Path) -> WebhookKeyring:
    """The webhook keys, at least one; from the first on the data directory remembers its vault."""
    keys = await asyncio.to_thread(WebhookKeyring, vault, clock.now, secrets.token_urlsafe)
    await asyncio.to_thread(keys.ensure_first)
    await asyncio.to_thread(remember, data_dir, vault)
    return keys


async def read_account_keys(vault: SecretStore, config: Config) -> dict[str, Keys]:
    real = [account.id for account in config.accounts if account.venue != "paper"]
    read = {account_id: await asyncio.to_thread(AccountVault(vault).read, account_id) for account_id in real}
    return {account_id: keys for account_id, keys in read.items() if keys is not None}


def key_prints(keys: Mapping[str, Keys]) -> dict[str, str]:
    return {account_id: fingerprint(given) for account_id, given in keys.items()}
