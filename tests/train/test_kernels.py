"""The kernels of train/kernels: as torch's own operations in Triton's interpreter, and compiled; no GPU is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def in_a_process(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("triton")
    return subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])} | environment,
        capture_output=True,
        text=True,
    )


def test_the_kernels_are_torchs_own_operations_forward_and_back() -> None:
    done = in_a_process("kernels_compared.py", TRITON_INTERPRET="1")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("capability", ["80", "90"])
def test_the_kernels_compile_for_gpus(capability: str, tmp_path: Path) -> None:
    """The interpreter takes what no compiler does."""
    done = in_a_process("kernels_compiled.py", capability, TRITON_CACHE_DIR=str(tmp_path))

    assert done.returncode == 0, done.stderr
