from collections.abc import Sequence

from app.power.child import ChildStayAwake, systemd_inhibit


class FakeChild:
    def __init__(self) -> None:
        self.is_running = True

    def runs(self) -> bool:
        return self.is_running

    def end(self) -> None:
        self.is_running = False


class Launcher:
    """Starts nothing, and remembers what it was asked for; without the tool it fails as the system does."""

    def __init__(self, *, has_tool: bool = True) -> None:
        self.has_tool = has_tool
        self.commands: list[Sequence[str]] = []
        self.children: list[FakeChild] = []

    def __call__(self, command: Sequence[str]) -> FakeChild:
        self.commands.append(command)
        if not self.has_tool:
            raise FileNotFoundError(command[0])
        self.children.append(FakeChild())
        return self.children[-1]


async def test_it_is_held_while_the_program_runs() -> None:
    launcher = Launcher()
    awake = ChildStayAwake(systemd_inhibit, launcher)
    held = [awake.held]
    for step in (awake.hold("positions are open"), awake.release()):
        await step
        held.append(awake.held)
    assert held == [False, True, False]
    assert "--why=positions are open" in launcher.commands[0]
    assert not launcher.children[0].is_running


async def test_asking_twice_starts_one_program() -> None:
    launcher = Launcher()
    awake = ChildStayAwake(systemd_inhibit, launcher)
    await awake.hold("one")
    await awake.hold("two")
    assert len(launcher.commands) == 1


async def test_a_program_that_ended_by_itself_is_started_again() -> None:
    launcher = Launcher()
    awake = ChildStayAwake(systemd_inhibit, launcher)
    await awake.hold("one")
    launcher.children[0].is_running = False
    await awake.hold("one")
    assert awake.held
    assert len(launcher.children) == 2


async def test_without_the_tool_nothing_is_held_and_nothing_breaks() -> None:
    awake = ChildStayAwake(systemd_inhibit, Launcher(has_tool=False))
    await awake.hold("one")
    assert not awake.held
    await awake.release()
