"""The public listener: one route, and a bare 404 for everything else."""

from __future__ import annotations

from app.api.webhook import Receive, Scope, Send, Webhook, respond
from app.ports.secrets import WebhookKeys

PREFIX = "/webhook/tradingview/"


class PublicApp:
    """The only thing a tunnel points at. A request for anything else is answered before its body is read."""

    def __init__(self, webhook: Webhook, keys: WebhookKeys) -> None:
        self._webhook = webhook
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        token = path.removeprefix(PREFIX) if path.startswith(PREFIX) else ""
        if scope["method"] == "POST" and self._keys.path_token_matches(token):
            await self._webhook(scope, receive, send)
        else:
            await respond(send, 404, None)
