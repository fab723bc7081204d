"""What every tier shares."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator

import hypothesis
import pytest

# Their assertions explain themselves as those in test files do, if this is said before they are imported.
pytest.register_assert_rewrite("tests.clients", "tests.support")

from tests.support.measured import Share, note  # noqa: E402

# How long an example takes says nothing on a machine that others use too, and what was found once is found again by its
# seed: no directory of examples is left behind.
hypothesis.settings.register_profile("mirror", deadline=None, database=None)
hypothesis.settings.load_profile("mirror")


@pytest.fixture
def heeds_hangups() -> Iterator[None]:
    """As in a program that was not started by nohup, which is inherited by those that a test starts."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "figure(name, what): count this test among the tries of a figure, and if it fails"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count the tests of a figure as they end."""
    report = yield
    if report.when == "call":
        for figure in item.iter_markers("figure"):
            name, what = figure.args
            note(Share(name, what, int(report.failed), 1))
    return report


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test is called the same by every process, and in every second: what is packed bears the time."""
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None
