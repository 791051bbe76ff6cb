"""How commands end."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
INTERRUPTED_AT_THE_END = """
import atexit, os, signal
atexit.register(os.kill, os.getpid(), signal.SIGINT)  # runs after what is registered later
from pipelines.exits import exit_code
raise SystemExit(exit_code("command.py", lambda: 3))
"""


def test_ctrl_c_after_the_work_is_done_changes_nothing():
    command = [sys.executable, "-c", INTERRUPTED_AT_THE_END]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (3, "")
