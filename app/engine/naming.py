"""Which tag and epoch this instance's client order ids bear (orders.md, Client order ids)."""

from __future__ import annotations

import asyncio

import structlog

from app.base.clock import Clock
from app.base.ids import IdFactory
from app.domain.client_order_id import Namespace
from app.engine.state import EngineState
from app.messages.records import Changes
from app.ports.store import Store
from app.ports.tag import Kept, TagKeeper

log = structlog.get_logger("system")
KEEP_UP_SEC = 10.0


async def settle_namespace(state: EngineState, store: Store, ids: IdFactory, keeper: TagKeeper | None) -> Namespace:
    """The database's, else the one that is kept beside it, else a new one; both places have it afterwards."""
    stored = _stored(state)
    kept = None if keeper is None else await asyncio.to_thread(keeper.read)
    namespace = chosen(stored, kept) or Namespace(ids.instance_tag(), 0)
    if stored is None or namespace != stored.namespace:
        facts = {"instance_tag": namespace.tag, "epoch": str(namespace.epoch)}
        await store.commit(Changes(facts=facts))
        state.facts.update(facts)
        if kept is not None:
            log.info("the database is newer or older than the instance", tag=namespace.tag, epoch=namespace.epoch)
    now = Kept(namespace, state.sequence)
    if keeper is not None and now != kept:
        await asyncio.to_thread(keeper.write, now)
    return namespace


def _stored(state: EngineState) -> Kept | None:
    tag = state.facts.get("instance_tag")
    return None if tag is None else Kept(Namespace(tag, int(state.facts["epoch"])), state.sequence)


def chosen(stored: Kept | None, kept: Kept | None) -> Namespace | None:
    """The database counts. One that is new, or older than what was kept, goes on in an epoch of its own: no id is
    ever used again."""
    if kept is None or (stored is not None and not _is_older(stored, kept)):
        return None if stored is None else stored.namespace
    return Namespace(kept.namespace.tag, kept.namespace.epoch + 1)


def _is_older(stored: Kept, kept: Kept) -> bool:
    """Whether the database has less than what was kept. That of a later epoch has more, though it may count fewer
    events: it began with those of an older database."""
    if stored.namespace.tag != kept.namespace.tag:
        return False
    return (stored.namespace.epoch, stored.sequence) < (kept.namespace.epoch, kept.sequence)


async def keep_up(state: EngineState, clock: Clock, keeper: TagKeeper) -> None:
    """Have it known beside the database how far that has come, so that an older one put back is told from it."""
    known = state.sequence
    while True:
        await clock.sleep(KEEP_UP_SEC)
        now = _stored(state)
        if now is not None and now.sequence != known:
            await asyncio.to_thread(keeper.write, now)
            known = now.sequence
