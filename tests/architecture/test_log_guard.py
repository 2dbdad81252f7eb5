import logging
from pathlib import Path

import pytest

from tests.architecture import log_guard


@pytest.mark.expects_log_warnings
def test_warnings_are_seen_and_lesser_records_are_not() -> None:
    logger = logging.getLogger("guarded")
    logger.setLevel(logging.DEBUG)
    with log_guard.watching() as seen:
        logger.info("fine")
        logger.warning("level %s", "low")
    assert seen == ["WARNING guarded: level low"]


@pytest.mark.expects_log_warnings
def test_a_logger_that_does_not_propagate_is_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("guarded.alone")
    monkeypatch.setattr(logger, "propagate", False)
    with log_guard.watching() as seen:
        logger.error("lost")
    assert seen == ["ERROR guarded.alone: lost"]


def test_an_unexpected_warning_fails_the_test_unless_it_is_marked(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeini("[pytest]\nmarkers = expects_log_warnings")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        """
        import logging, pytest

        def test_warns():
            logging.getLogger("x").warning("disk is slow")

        @pytest.mark.expects_log_warnings
        def test_warns_on_purpose():
            logging.getLogger("x").warning("as planned")
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*WARNING x: disk is slow*"])
    result.stdout.no_fnmatch_line("*as planned*")
