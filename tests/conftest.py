"""What all tests share: one thread a library, where the real data lies, the switch that renews goldens."""

import os
import signal
from pathlib import Path

import pytest

# Before numba, OpenCV, torch or Ray is imported, here or in a process that a test starts.
for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ[name] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["HF_HUB_OFFLINE"] = "1"
# A shell that runs the tests in the background has them ignore Ctrl-C, and with them every process they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden anew, then look at it")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real photos, pages and text that SMALLPRINT_DATA names.

    Skips where it is unset; fails where SMALLPRINT_REQUIRE_DATA=1 promises it.
    """
    folder = os.environ.get("SMALLPRINT_DATA", "")
    if folder and Path(folder).is_dir():
        return Path(folder)

    cause = f"SMALLPRINT_DATA={folder!r} names no folder of real photos and texts"
    if os.environ.get("SMALLPRINT_REQUIRE_DATA") == "1":
        pytest.fail(cause)
    pytest.skip(cause)


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether --update-golden was given: write the golden file instead of comparing with it."""
    return bool(request.config.getoption("--update-golden"))
