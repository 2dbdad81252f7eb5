"""Which tag and epoch this instance's client order ids bear (orders.md, Client order ids)."""

from __future__ import annotations

import asyncio

import structlog

from app.base.ids import IdFactory
from app.domain.client_order_id import Namespace
from app.engine.state import EngineState
from app.messages.records import Changes
from app.ports.store import Store
from app.ports.tag import TagKeeper

log = structlog.get_logger("system")


async def settle_namespace(state: EngineState, store: Store, ids: IdFactory, keeper: TagKeeper | None) -> Namespace:
    """The database's, else the one that is kept beside it, else a new one; both places have it afterwards."""
    stored = _stored(state)
    kept = None if keeper is None else await asyncio.to_thread(keeper.read)
    namespace = chosen(stored, kept) or Namespace(ids.instance_tag(), 0)
    if namespace != stored:
        facts = {"instance_tag": namespace.tag, "epoch": str(namespace.epoch)}
        await store.commit(Changes(facts=facts))
        state.facts.update(facts)
        if kept is not None:
            log.info("the database is newer or older than the instance", tag=namespace.tag, epoch=namespace.epoch)
    if keeper is not None and namespace != kept:
        await asyncio.to_thread(keeper.write, namespace)
    return namespace


def _stored(state: EngineState) -> Namespace | None:
    tag = state.facts.get("instance_tag")
    return None if tag is None else Namespace(tag, int(state.facts["epoch"]))


def chosen(stored: Namespace | None, kept: Namespace | None) -> Namespace | None:
    """The database counts. One that is new, or older than what was kept, goes on in an epoch of its own: no id is
    ever used again."""
    if kept is None or (stored is not None and (stored.tag != kept.tag or stored.epoch >= kept.epoch)):
        return stored
    return Namespace(kept.tag, kept.epoch + 1)
