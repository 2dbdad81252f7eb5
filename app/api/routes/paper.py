"""Prices of the paper exchange, set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Query, Request, Response

from app.api.access import ADMIN, Refused
from app.api.models.bodies import PaperPrice
from app.api.routes.common import new_router

router = new_router("paper")


@router.put("/api/paper/price", dependencies=[ADMIN], status_code=204)
async def set_price(request: Request, body: PaperPrice) -> Response:
    """Hold a paper market at a price until it is released."""
    return _changed(lambda: request.app.state.paper.set_price(body.symbol, body.price))


@router.delete("/api/paper/price", dependencies=[ADMIN], status_code=204)
async def release_price(request: Request, symbol: Annotated[str, Query(min_length=3, max_length=40)]) -> Response:
    """Let the feed move a paper market again."""
    return _changed(lambda: request.app.state.paper.release(symbol))


def _changed(change: Callable[[], None]) -> Response:
    try:
        change()
    except LookupError:
        raise Refused(404, "unknown_market", "the paper exchange knows no such market") from None
    except ValueError as error:
        raise Refused(422, "bad_price", str(error)) from None
    return Response(status_code=204)
