"""Build a benchmark of small text, 256x256 px, from document pages with or without annotations.

python pipelines/tokenbench.py --annotations FILE.json --images DIR --out OUT
python pipelines/tokenbench.py --pages DIR PAPERS.pdf --out OUT
Also by `ray job submit --working-dir . -- python pipelines/tokenbench.py ...` and
`ray submit cluster.yaml pipelines/tokenbench.py ...`.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def find_packages() -> None:
    """Import our packages from the checkout that this script lies in, else what is installed; never its folder.

    Python puts that folder first on the path, where its modules would hide others of their names.
    """
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    if (here.parent / "pyproject.toml").is_file():
        sys.path.insert(0, str(here.parent))


def main(args: Sequence[str]) -> int:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"  # read by numpy at its import: more would change the last digits of sums
    from pipelines.benchmark import making
    from pipelines.benchmark.settings import parse_build

    build = parse_build(args)
    os.chdir(sys.prefix)  # a folder without a curate.py: Ray adds the driver's to its workers' paths
    return making.make(build)


if __name__ == "__main__":
    find_packages()
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # while its modules load
        print("\ntokenbench.py: stopped; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
