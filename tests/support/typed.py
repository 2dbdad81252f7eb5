"""Commands as a person types them, without the seconds that a new process takes."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from app.__main__ import run


def run_typed(
    arguments: Sequence[str], stdin: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `python -m app` with these arguments would have ended with."""
    out, errors = io.StringIO(), io.StringIO()
    given = mock.patch.dict("os.environ", environment or {}), mock.patch("sys.stdin", io.StringIO(stdin))
    with given[0], given[1], redirect_stdout(out), redirect_stderr(errors):
        try:
            status = run(arguments)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    return subprocess.CompletedProcess(list(arguments), status, out.getvalue(), errors.getvalue())
