"""A child process that holds off sleep for as long as it runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

END_WITHIN_SEC = 2.0
CommandFor = Callable[[str], Sequence[str]]


class Child(Protocol):
    def runs(self) -> bool: ...

    def end(self) -> None:
        """Return when it is gone."""
        ...


Launch = Callable[[Sequence[str]], Child]
"""Starts a program; OSError where it cannot be started."""


def systemd_inhibit(reason: str) -> Sequence[str]:
    """Linux: the hold lasts as long as `cat`, which ends with its input, and that with this process."""
    asked = ("--what=idle:sleep", "--mode=block", "--who=Ziggurat", f"--why={reason}")
    return ("systemd-inhibit", *asked, "cat")


def caffeinate(_reason: str) -> Sequence[str]:
    """macOS: it waits for this process by itself, and takes no reason."""
    return ("caffeinate", "-i", "-w", str(os.getpid()))


class ProgramChild:
    """A program whose input is a pipe that only this process holds open."""

    def __init__(self, command: Sequence[str]) -> None:
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)  # noqa: S603 - the commands above

    def runs(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=END_WITHIN_SEC)
            return
        self._process.kill()
        self._process.communicate()


class ChildStayAwake:
    """`app.ports.power.StayAwake` by a program of the system. Starting and ending it never stops the loop."""

    def __init__(self, command_for: CommandFor, launch: Launch = ProgramChild) -> None:
        self._command_for = command_for
        self._launch = launch
        self._child: Child | None = None

    @property
    def held(self) -> bool:
        return self._child is not None and self._child.runs()

    async def hold(self, reason: str) -> None:
        if self.held:
            return
        await self.release()
        with suppress(OSError):
            self._child = await asyncio.to_thread(self._launch, self._command_for(reason))

    async def release(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await asyncio.to_thread(child.end)
