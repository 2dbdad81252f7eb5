"""One running instance a data directory, guarded by a lock that the operating system lets go when a process dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Self

from app.base.errors import OperatorActionNeeded

FILE_NAME = "ziggurat.lock"

if sys.platform == "win32":
    import msvcrt

    _FAR = 2**30  # a locked byte cannot be read by others, so one far behind the text is locked

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class SingleInstance:
    """The lock on `ziggurat.lock` in the data directory; the file holds the owner's process id as text.

    The file is left behind when the lock is let go: removing it would let two processes lock two files of one name.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, and make the data directory, for its owner only, where there is none.

        OperatorActionNeeded, naming the process, where another instance has it.
        """
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._data_dir.chmod(0o700)
            descriptor = os.open(self._data_dir / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OperatorActionNeeded(f"The data directory {self._data_dir} cannot be used: {error}.") from error
        if not _lock(descriptor):
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            process = f"process {owner}" if owner else "another process"
            raise OperatorActionNeeded(
                f"Ziggurat is already running on {self._data_dir} ({process}); use that one or stop it first."
            )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the lock go; nothing where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
