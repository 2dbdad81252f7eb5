"""What holds for every test: no network, no unexpected warning in the log, repeatable examples."""

from collections.abc import Iterator

import hypothesis
import pytest

from tests.architecture import log_guard, network_guard

network_guard.install()

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("long", max_examples=5_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci")


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    network_guard.attempts.clear()
    yield
    if network_guard.attempts:
        pytest.fail("the test left this machine: " + "; ".join(network_guard.attempts), pytrace=False)


@pytest.fixture(autouse=True)
def no_unexpected_log_warnings(request: pytest.FixtureRequest) -> Iterator[None]:
    with log_guard.watching() as seen:
        yield
    if seen and request.node.get_closest_marker("expects_log_warnings") is None:
        pytest.fail("unexpected in the log (mark expects_log_warnings?):\n" + "\n".join(seen), pytrace=False)
