"""What holds for every script that a user runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("pipelines", "train")
    for path in (ROOT / folder).glob("*.py")
    if "raise SystemExit(main(sys.argv[1:]))" in path.read_text()
)
# Loads the script as Python does, and is interrupted at its first import of ours, as by a quick Ctrl-C.
INTERRUPTED = """
import builtins, os, runpy, signal, sys
real = builtins.__import__
def interrupted(name, *args):
    if name.partition(".")[0] in ("pipelines", "train"):
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *args)
builtins.__import__ = interrupted
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_ctrl_c_while_a_script_loads_ends_it_in_a_sentence(script):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, script, "--help"], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 130
    assert f"{Path(script).name}: stopped" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_scripts_find_the_packages_alike():
    """Each holds the function itself, for it needs it before it can import any of ours."""
    texts = [(ROOT / script).read_text() for script in SCRIPTS]
    bodies = {text.partition("def find_packages")[2].partition("\n\n\n")[0] for text in texts}

    assert len(bodies) == 1
    assert "sys.path" in bodies.pop()
