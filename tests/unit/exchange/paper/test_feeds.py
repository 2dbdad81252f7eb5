"""What moves prices: the board, the random walk, recorded files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from app.base.config.groups import PaperConfig
from app.base.errors import OperatorActionNeeded
from app.domain.market import Quote
from app.exchange.paper.board import PriceBoard, UnknownMarket
from app.exchange.paper.feeds import RandomWalk, RecordedFile, make_feed
from app.exchange.paper.rules import RuleBook
from tests.support.clock import ManualClock
from tests.unit.exchange.paper.bench import BTC, SOL, rules_of


class Tape:
    """Notes what a board shows."""

    def __init__(self, *symbols: str) -> None:
        self.clock = ManualClock()
        self.board = PriceBoard(self.clock, RuleBook({symbol: rules_of(symbol) for symbol in (SOL, BTC)}))
        self.seen: list[tuple[str, Decimal]] = []
        self.board.add(self)
        for symbol in symbols:
            self.board.open(symbol, Decimal(100))
        self.seen.clear()

    def on_quote(self, symbol: str, quote: Quote) -> None:
        self.seen.append((symbol, quote.last))

    def of(self, symbol: str) -> list[Decimal]:
        return [price for name, price in self.seen if name == symbol]

    def walk(self, seed: int = 1, volatility: str = "0.5") -> RandomWalk:
        return RandomWalk(self.board, self.clock, seed=seed, interval_sec=1.0, volatility_percent=Decimal(volatility))


class TestBoard:
    def test_the_first_price_of_a_market_goes_on_its_tick_and_stays(self) -> None:
        tape = Tape()
        tape.board.open(SOL, Decimal("100.019"))
        tape.board.open(SOL, Decimal(90))

        assert tape.seen == [(SOL, Decimal("100.01"))]

    def test_a_price_set_by_hand_holds_until_it_is_released(self) -> None:
        tape = Tape(SOL)
        tape.board.set_price(SOL, Decimal(50))
        tape.board.move(SOL, Decimal(60))
        assert tape.board.quotes[SOL].last == 50

        tape.board.release(SOL)
        tape.board.move(SOL, Decimal(60))
        assert tape.board.quotes[SOL].last == 60

    def test_a_market_without_rules_or_price_is_unknown(self) -> None:
        tape = Tape()

        with pytest.raises(UnknownMarket):
            tape.board.set_price("nonsense", Decimal(1))
        with pytest.raises(UnknownMarket):
            tape.board.release(SOL)

    @pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
    def test_a_price_is_positive(self, price: str) -> None:
        with pytest.raises(ValueError, match="positive"):
            Tape(SOL).board.set_price(SOL, Decimal(price))


class TestRandomWalk:
    async def test_it_moves_every_known_market_a_step_each_interval_on_the_tick(self) -> None:
        tape = Tape(SOL, BTC)
        tape.walk().start()
        await tape.clock.advance(50)

        assert len(tape.of(SOL)) == len(tape.of(BTC)) == 50
        assert len(set(tape.of(SOL))) > 10
        assert all(price % Decimal("0.01") == 0 and 50 < price < 200 for price in tape.of(SOL))

    async def test_the_same_seed_walks_the_same_way_and_another_another(self) -> None:
        walks = []
        for seed in (1, 1, 2):
            tape = Tape(SOL)
            tape.walk(seed).start()
            await tape.clock.advance(20)
            walks.append(tape.of(SOL))

        assert walks[0] == walks[1] != walks[2]

    async def test_markets_do_not_disturb_each_other(self) -> None:
        alone, together = Tape(SOL), Tape(BTC, SOL)
        for tape in (alone, together):
            tape.walk().start()
            await tape.clock.advance(20)

        assert alone.of(SOL) == together.of(SOL)

    async def test_what_is_held_by_hand_stands_and_what_is_stopped_too(self) -> None:
        tape = Tape(SOL, BTC)
        walk = tape.walk()
        walk.start()
        tape.board.set_price(SOL, Decimal(100))
        await tape.clock.advance(5)
        assert len(tape.of(SOL)) == 1

        await walk.stop()
        await tape.clock.advance(5)
        assert len(tape.of(BTC)) == 5

    async def test_a_price_never_falls_below_a_tick(self) -> None:
        tape = Tape()
        tape.board.open(SOL, Decimal("0.01"))
        tape.walk(volatility="10").start()
        await tape.clock.advance(100)

        assert min(tape.of(SOL)) == Decimal("0.01")


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class TestRecordedFile:
    @pytest.mark.parametrize(
        "lines",
        [
            ("time,symbol,price", f"0,{SOL},100", f"1.5,{SOL},101", f"3,{BTC},7"),
            (
                f"2025-06-01T12:00:00Z,{SOL},100",
                f"2025-06-01T12:00:01.5Z,{SOL},101",
                "",
                f"2025-06-01T12:00:03+00:00,{BTC},7",
            ),
        ],
    )
    async def test_it_plays_at_the_pace_it_was_recorded(self, tmp_path: Path, lines: tuple[str, ...]) -> None:
        tape = Tape()
        RecordedFile(tape.board, tape.clock, written(tmp_path, *lines)).start()

        await tape.clock.advance(0)
        assert tape.seen == [(SOL, Decimal(100))]
        await tape.clock.advance(2)
        assert tape.seen[1:] == [(SOL, Decimal(101))]
        await tape.clock.advance(10)
        assert tape.seen[2:] == [(BTC, Decimal(7))]

    @pytest.mark.parametrize(
        "line",
        [
            "1",
            f"x,{SOL},1",
            f"1,{SOL},one",
            f"1,{SOL},0",
            f"1,{SOL},NaN",
            "1,SOLUSDT,1",
            f"-1,{SOL},1",
            f"1,{SOL},1,2",
        ],
    )
    def test_a_line_that_cannot_be_read_is_named(self, tmp_path: Path, line: str) -> None:
        tape = Tape()
        path = written(tmp_path, "time,symbol,price", f"0,{SOL},100", line)

        with pytest.raises(OperatorActionNeeded, match="line 3"):
            RecordedFile(tape.board, tape.clock, path)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        tape = Tape()

        with pytest.raises(OperatorActionNeeded, match=r"prices\.csv"):
            RecordedFile(tape.board, tape.clock, tmp_path / "prices.csv")


class TestChoosing:
    @pytest.mark.parametrize(
        ("kind", "feed"), [("auto", RandomWalk), ("random_walk", RandomWalk), ("manual", type(None))]
    )
    def test_the_configuration_names_the_feed(self, kind: str, feed: type[object]) -> None:
        tape = Tape()
        config = PaperConfig.model_validate({"feed": kind})

        assert isinstance(make_feed(config, tape.board, tape.clock), feed)

    def test_an_override_goes_before_it(self) -> None:
        tape = Tape()

        assert make_feed(PaperConfig(), tape.board, tape.clock, "manual") is None

    @pytest.mark.parametrize("kind", ["file", "tea leaves"])
    def test_what_cannot_be_made_is_explained(self, kind: str) -> None:
        tape = Tape()

        with pytest.raises(OperatorActionNeeded):
            make_feed(PaperConfig(), tape.board, tape.clock, kind)
