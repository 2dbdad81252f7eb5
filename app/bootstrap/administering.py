"""Tokens, keys and accounts, where no instance runs."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.accounts.administration import Administration
from app.accounts.engines import RestingEngine
from app.accounts.keys import AccountVault
from app.accounts.office import AccountOffice
from app.accounts.venues import VenueMaker, exchange_urls
from app.base.clock import system_clock
from app.base.ids import RandomIds
from app.bootstrap.settings import Settings
from app.bootstrap.unlocking import key_prints, open_keys, read_account_keys, unlock
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from app.persistence.database import open_database
from app.persistence.lock import SingleInstance
from app.persistence.tag_file import TagFile
from app.persistence.tokens import SqliteTokens


@asynccontextmanager
async def administer(settings: Settings) -> AsyncIterator[Administration]:
    """Tokens, keys and accounts of a data directory that no instance runs on; it is locked meanwhile."""
    with SingleInstance(settings.data_dir):
        settings = settings.again()
        clock = system_clock()
        database = open_database(settings.data_dir)
        try:
            tokens = SqliteTokens(database.writer, clock, secrets.token_urlsafe)
            await tokens.load()
            vault = await unlock(settings)
            prints = key_prints(await read_account_keys(vault, settings.config))
            tag_file = TagFile(settings.data_dir)
            engine = await RestingEngine.load(settings.config, database.store, clock, RandomIds(), prints, tag_file)
            board = PriceBoard(clock, RuleBook())
            maker = VenueMaker(clock, board, database.paper, exchange_urls(settings.environ), settings.data_dir)
            office = AccountOffice(engine, AccountVault(vault), maker, settings.file)
            keys = await open_keys(vault, clock, settings.data_dir)
            yield Administration(tokens, keys, office, None)
            await tokens.flush()
        finally:
            await database.close()
