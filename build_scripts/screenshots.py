"""Fills a paper engine with a lively state and saves every view, in both themes and two sizes, to docs/gallery.

    .venv/bin/python build_scripts/screenshots.py [FOLDER]

Prices, signals and sizes are fixed, so two runs differ in nothing but the time of day.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PySide6.QtCore import QSettings  # noqa: E402 - the platform is chosen first
from PySide6.QtWidgets import QApplication  # noqa: E402 - as above

import app.bootstrap.application as composition  # noqa: E402 - the platform is chosen first
from app.base.clock import LoopClock  # noqa: E402 - as above
from app.bootstrap.application import Application  # noqa: E402 - as above
from app.bootstrap.settings import read_settings  # noqa: E402 - as above
from app.cli.send import post  # noqa: E402 - as above
from app.cli.window import desk_of, example_signal  # noqa: E402 - as above
from app.domain.market import Quote  # noqa: E402 - as above
from app.gui.loop import run_on_qt  # noqa: E402 - as above
from app.gui.session import WindowSession, start_theme  # noqa: E402 - as above
from app.gui.theme import theme  # noqa: E402 - as above
from app.messages.commands import SampleEquity  # noqa: E402 - as above
from app.messages.records import Changes, EquitySample  # noqa: E402 - as above

SIZES = ((1280, 720), (1920, 1080))
BARS = 110
CONFIG: dict[str, Any] = {
    "accounts": [
        {"id": "paper-perp", "balances": {"USDT": "9000"}},
        {"id": "paper-spot", "market_type": "spot", "balances": {"USDT": "4000"}},
    ],
    "pool": {"max_open_groups": 8},
    "risk": {
        "cooldown_sec": 0,
        "max_slippage_percent": "1",
        "daily_loss_limit_quote": "250",
        "max_drawdown_percent": "25",
        "max_exposure_quote": "12000",
    },
    "offset": {"wait_minutes": 45, "require_full_pyramids": False, "loss_threshold_percent": "-4"},
    "grid": {
        "default": {
            "levels": [
                {"gap_percent": "0", "weight_percent": "40", "tp_percent": "1"},
                {"gap_percent": "-2", "weight_percent": "30", "tp_percent": "2"},
                {"gap_percent": "-4", "weight_percent": "30", "tp_percent": "2"},
            ],
            "max_pyramids": 3,
            "stop_loss": {"mode": "percent", "percent": "6"},
        },
        "overrides": [
            {"symbol": "ETH/USDT:USDT", "settings": {"tp_mode": "aggregate", "stop_loss": None}},
            {"symbol": "SOL/USDT:USDT", "settings": {"tp_mode": "aggregate", "tp_aggregate_percent": "6"}},
            {"symbol": "LINK/USDT:USDT", "settings": {"tp_mode": "aggregate", "tp_aggregate_percent": "8"}},
            {"symbol": "XRP/USDT", "settings": {"tp_mode": "hybrid", "stop_loss": None}},
        ],
    },
}
# market, account, timeframe, action, size, prices: entered at the first, then moved through the others
STORY: tuple[tuple[str, str, str, str, str, tuple[str, ...]], ...] = (
    ("AVAXUSDT.P", "paper-perp", "240", "buy", "1000", ("50.000", "49.000", "49.200")),
    ("BTCUSDT.P", "paper-perp", "60", "buy", "1200", ("97000.0", "95020.0", "96420.5")),
    ("DOGEUSDT.P", "paper-perp", "15", "buy", "700", ("0.18942", "0.18950")),
    ("ETHUSDT.P", "paper-perp", "60", "buy", "1500", ("3099.48", "2970.00", "2918.40")),
    ("LINKUSDT.P", "paper-perp", "60", "sell", "900", ("18.470", "18.850", "17.618")),
    ("LTCUSDT.P", "paper-perp", "60", "buy", "800", ("99.00", "99.62")),
    ("SOLUSDT.P", "paper-perp", "15", "buy", "1200", ("145.00", "139.00", "146.86")),
    ("XRPUSDT", "paper-spot", "240", "buy", "1100", ("0.5300", "0.5180", "0.5208")),
)
LATER: tuple[tuple[str, str, str, str, str, dict[str, str]], ...] = (
    ("AVAXUSDT.P", "paper-perp", "240", "buy", "49.200", {}),
    ("ADAUSDT.P", "paper-perp", "60", "buy", "0.7120", {}),
    ("SUIUSDT.P", "paper-perp", "60", "buy", "3.6120", {}),
    ("TRXUSDT.P", "paper-perp", "60", "sell", "0.24110", {"type": "exit"}),
    ("AVAXUSDT.P", "paper-perp", "240", "buy", "47.880", {}),
    ("NEARUSDT.P", "paper-spot", "240", "sell", "5.100", {}),
)
# market, timeframe, action, signal's price, price now: they come while every slot is taken
QUEUED: tuple[tuple[str, str, str, str, str], ...] = (
    ("NEARUSDT.P", "240", "buy", "5.120", "4.996"),
    ("DOTUSDT.P", "60", "buy", "4.640", "4.630"),
    ("DOTUSDT.P", "60", "buy", "4.620", "4.471"),
    ("ARBUSDT.P", "15", "sell", "0.5610", "0.5702"),
    ("UNIUSDT.P", "60", "buy", "7.244", "7.258"),
    ("LINKUSDT.P", "60", "buy", "17.600", "17.618"),
)


class MovableTime:
    """The wall's time, moved back at the start and forward between the scenes."""

    def __init__(self, back: timedelta) -> None:
        self._offset = -back

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def forward(self, by: timedelta) -> None:
        self._offset = min(self._offset + by, timedelta(0))


class Scene:
    """Prices by hand, signals over the real webhook."""

    def __init__(self, application: Application, time: MovableTime, address: str, secret: str) -> None:
        self.time = time
        self._application = application
        self._address = address
        self._secret = secret
        self._random = random.Random(20261120)  # noqa: S311 - prices of a picture

    @property
    def clock(self) -> LoopClock:
        return self._application.clock

    def history(self, symbol: str, last: Decimal, seconds: int) -> None:
        """Bars that end near `last`: a walk back from it, told forward."""
        board = self._application.board
        rules = board.rules.rules(symbol, last)
        if rules is None:
            raise LookupError(symbol)
        prices = [last]
        for _ in range(BARS * 4):
            step = Decimal(repr(1 + self._random.gauss(0.0002, 0.0022)))
            prices.append(max((prices[-1] * step // rules.tick_size) * rules.tick_size, rules.tick_size))
        start = self.clock.now() - timedelta(seconds=seconds * BARS)
        for number, price in enumerate(reversed(prices)):
            at = start + timedelta(seconds=seconds * number / 4)
            board.publish(symbol, Quote.flat(price, min(at, self.clock.now())))

    async def pass_hours(self, hours: int) -> None:
        """Every price stirs a little while time goes by."""
        for _ in range(hours):
            self.time.forward(timedelta(hours=1))
            for symbol, quote in list(self._application.board.quotes.items()):
                step = Decimal(repr(1 + self._random.gauss(0, 0.0012)))
                rules = self._application.board.rules.rules(symbol, quote.last)
                if rules is not None:
                    price = max((quote.last * step // rules.tick_size) * rules.tick_size, rules.tick_size)
                    self._application.board.publish(symbol, Quote.flat(price, self.clock.now()))
            await self.rest(0.02)

    def move(self, symbol: str, price: str) -> None:
        self._application.board.set_price(symbol, Decimal(price))

    async def signal(self, symbol: str, account: str, timeframe: str, action: str, price: str, **more: Any) -> None:
        size = more.pop("size", "800")
        now = self.clock.now().isoformat()
        message = example_signal(symbol, price, now, self._secret, action=action, timeframe=timeframe, order_size=size)
        message["account"] = account
        if more:
            message["execution_intent"] = more
        await asyncio.to_thread(post, self._address, message, {})
        await self.rest()

    async def rest(self, seconds: float = 0.25) -> None:
        await self.clock.sleep(seconds)


def unified(symbol: str) -> str:
    base = symbol.removesuffix(".P").removesuffix("USDT")
    return f"{base}/USDT:USDT" if symbol.endswith(".P") else f"{base}/USDT"


async def play(scene: Scene) -> None:
    """Eight groups in all their states, then signals that are queued, ignored and rejected."""
    for symbol, account, timeframe, action, size, prices in STORY:
        scene.history(unified(symbol), Decimal(prices[0]), int(timeframe) * 60)
        await scene.signal(symbol, account, timeframe, action, prices[0], size=size)
        for price in prices[1:]:
            await scene.pass_hours(1)
            scene.move(unified(symbol), price)
            await scene.rest(0.1)
        await scene.pass_hours(2)
    for symbol, *_, prices in STORY:
        scene.move(unified(symbol), prices[-1])
    await scene.pass_hours(1)
    for symbol, account, timeframe, action, price, intent in LATER:
        await scene.signal(symbol, account, timeframe, action, price, **intent)
    scene.time.forward(timedelta(days=9))
    for symbol, *_, prices in STORY:
        scene.move(unified(symbol), prices[-1])
    scene.move("AVAX/USDT:USDT", "49.620")
    await scene.rest(0.5)
    for symbol, timeframe, action, price, now in QUEUED:
        scene.history(unified(symbol), Decimal(price), int(timeframe) * 60)
        await scene.signal(symbol, "paper-perp", timeframe, action, price)
        scene.move(unified(symbol), now)
    await scene.rest(0.5)


def past_equity(now: datetime, today: Decimal) -> tuple[EquitySample, ...]:
    """Sixty days that end at `today`, for both accounts."""
    chance = random.Random(7)  # noqa: S311 - the curve of a picture
    steps = 230
    walk = [0.0]
    for _ in range(steps):
        walk.append(walk[-1] + (chance.gauss(5, 42) if chance.random() < 0.32 else 0))
    rows = []
    for place, value in enumerate(walk):
        realised = Decimal(round(value - walk[-1] * place / steps + 900 * place / steps - 900))
        at = now - timedelta(hours=6 * (steps - place) + 6)
        worth = today + realised + Decimal(round(chance.gauss(0, 45)))
        rows.append(EquitySample(at, "paper-perp", worth, realised))
        rows.append(EquitySample(at, "paper-spot", Decimal(4000), Decimal(0)))
    return tuple(rows)


async def shoot(app: QApplication, folder: Path, data_dir: Path) -> int:
    (data_dir / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    environment = {"ZIGGURAT_VAULT": "file", "ZIGGURAT_VAULT_PASSPHRASE": "picture", "ZIGGURAT_PAPER_FEED": "manual"}
    layout = start_theme(app, data_dir)
    time = MovableTime(timedelta(hours=40))
    setattr(composition, "system_clock", lambda: LoopClock(time.now))  # noqa: B010 - the one clock, moved
    settings = read_settings(data_dir=data_dir, api_port=0, webhook_port=0, log_level="error", environ=environment)
    application = await Application.open(settings)
    session: WindowSession | None = None
    try:
        history = past_equity(application.clock.now(), Decimal(9000))
        first = {"started_with/paper-perp": "8100", "started_with/paper-spot": "4000"}
        await application.store.commit(Changes(equity=history, facts=first))
        api_port, _ = await application.start()
        secret = await application.administration.show_secret(None, path_token=False)
        session = await _empty_views(application, layout, folder)
        scene = Scene(application, time, f"http://127.0.0.1:{api_port}/webhook/tradingview", secret)
        await play(scene)
        await application.engine.ask(SampleEquity())
        await _all_views(session, folder, scene.rest)
    finally:
        if session is not None:
            session.close()
        await application.stop(1.0)
    return 0


async def _empty_views(application: Application, layout: QSettings, folder: Path) -> WindowSession:
    """What a newcomer sees: the first start, and a view without groups."""
    session = WindowSession(desk_of(application), layout)
    await session.open(first_start=False)
    theme.choose("dark")
    session.window.resize(1280, 720)
    session.window.show_view("positions")
    await application.clock.sleep(0.3)
    _save(session, folder / "positions-empty-dark-1280.png")
    session.window.show_first_start()
    await application.clock.sleep(0.3)
    _save(session, folder / "first-start-dark-1280.png")
    session.window.end_first_start()
    return session


async def _all_views(session: WindowSession, folder: Path, rest: Callable[[float], Awaitable[None]]) -> None:
    window = session.window
    for name in ("dark", "light"):
        theme.choose(name)
        for width, height in SIZES:
            window.resize(width, height)
            for view in ("dashboard", "positions", "queue", "risk", "signals"):
                window.show_view(view)
                await rest(0.6)
                if view == "positions":
                    window.positions.unfold_first()
                    await rest(0.6)
                _save(session, folder / f"{view}-{name}-{width}.png")
    theme.choose("dark")
    window.resize(1280, 720)
    window.show_view("positions")
    window.positions.detail.ask_close()
    await rest(0.3)
    _save(session, folder / "close-dark-1280.png")
    window.end_first_start()
    window.list_accounts()
    await rest(0.3)
    _save(session, folder / "accounts-dark-1280.png")
    window.end_first_start()
    window.show_close_all()
    await rest(0.3)
    _save(session, folder / "close-all-dark-1280.png")
    window.end_first_start()
    window.strip.stop.click()
    window.show_view("dashboard")
    await rest(0.6)
    _save(session, folder / "emergency-stop-dark-1280.png")


def _save(session: WindowSession, file: Path) -> None:
    session.window.notice.hide()
    if not session.window.grab().save(str(file)):
        raise OSError(f"{file} cannot be written")
    print(file.name)


def main(argv: list[str]) -> int:
    folder = Path(argv[0]) if argv else ROOT / "docs" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ziggurat-pictures-") as data_dir:
        return run_on_qt(lambda app: shoot(app, folder, Path(data_dir)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
