"""Both listeners in the running loop."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import structlog
import uvicorn

from app.api.connections import PatientProtocol, most_connections
from app.api.guard import Guard
from app.api.private_app import PrivateApp
from app.api.public_app import PublicApp
from app.api.webhook import LOOPBACK, Webhook
from app.base.clock import Clock
from app.base.config import Config
from app.base.config.file import ConfigFile
from app.base.errors import OperatorActionNeeded
from app.ports.accounts import Accounts
from app.ports.engine import Engine
from app.ports.metrics import MetricsExport
from app.ports.paper import PaperPrices
from app.ports.queries import Queries
from app.ports.secrets import WebhookKeys
from app.ports.tokens import Tokens

log = structlog.get_logger("system")
BACKLOG = 2048
if sys.platform == "win32":
    _OWN_ADDRESS = socket.SO_EXCLUSIVEADDRUSE  # SO_REUSEADDR lets other programs take the port there
else:
    _OWN_ADDRESS = socket.SO_REUSEADDR


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: whoever runs the loop owns those."""

    def install_signal_handlers(self) -> None:
        return

    def capture_signals(self) -> Any:
        return nullcontext()


class Listeners:
    """The public and the private listener. `start` gives the ports, which differ from the wanted where those were 0."""

    def __init__(self, public: Any, private: Any, config: Callable[[], Config]) -> None:
        self._public = public
        self._private = private
        self._config = config
        self._servers: list[tuple[_Server, asyncio.Task[None]]] = []
        self.api_port = 0
        self.webhook_port = 0

    async def start(self) -> tuple[int, int]:
        """(API port, webhook port). OperatorActionNeeded where a port is taken."""
        config = self._config()
        PatientProtocol.most_connections = most_connections()
        with ExitStack() as undone:
            api = undone.enter_context(_bound(config.api.host, config.api.port, "api.port"))
            webhook = undone.enter_context(_bound(config.webhook.host, config.webhook.port, "webhook.port"))
            undone.pop_all()
        self.api_port, self.webhook_port = api.getsockname()[1], webhook.getsockname()[1]
        await self._serve(self._private, api)
        await self._serve(self._public, webhook)
        return self.api_port, self.webhook_port

    async def stop(self, grace: float) -> None:
        for server, _ in self._servers:
            server.should_exit = True
        for server, task in self._servers:
            _, pending = await asyncio.wait({task}, timeout=grace)
            if pending:
                server.force_exit = True
                await asyncio.wait({task}, timeout=1)

    async def _serve(self, app: Any, sock: socket.socket) -> None:
        server = _Server(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws="websockets-sansio",
                lifespan="off",
                access_log=False,
                proxy_headers=False,
                log_config=None,
                server_header=False,
                date_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=3,
            )
        )
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        self._servers.append((server, task))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells its start by a flag only
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time


def _bound(host: str, port: int, setting: str) -> socket.socket:
    if not _is_loopback(host):
        log.warning("a listener is reachable from other machines", host=host, setting=setting)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio switches Nagle's delay off: an answer's second half would wait 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, _OWN_ADDRESS, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OperatorActionNeeded(
            f"{host}:{port} cannot be used ({error.strerror}); set {setting} to a free port"
        ) from error
    sock.setblocking(False)
    return sock


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def build_listeners(
    *,
    engine: Engine,
    accounts: Accounts,
    queries: Queries,
    tokens: Tokens,
    keys: WebhookKeys,
    paper: PaperPrices,
    config: Callable[[], Config],
    clock: Clock,
    version: str,
    loop_lag_ms: Callable[[], float],
    metrics: MetricsExport,
    config_file: ConfigFile,
    sleep_held: Callable[[], bool],
    disk: Callable[[], str],
) -> Listeners:
    """Both applications around one webhook."""
    webhook = Webhook(engine, keys, clock, config, trusted_peers=LOOPBACK)  # a tunnel runs on this machine
    private = PrivateApp(
        engine=engine,
        accounts=accounts,
        queries=queries,
        tokens=tokens,
        paper=paper,
        webhook=webhook,
        clock=clock,
        version=version,
        loop_lag_ms=loop_lag_ms,
        metrics=metrics,
        config=config,
        config_file=config_file,
        sleep_held=sleep_held,
        disk=disk,
    )
    host = config().api.host
    extra = None if _is_loopback(host) else host
    listeners: Listeners
    guarded = Guard(private, clock, lambda: listeners.api_port, extra)
    listeners = Listeners(PublicApp(webhook, keys), guarded, config)
    return listeners
