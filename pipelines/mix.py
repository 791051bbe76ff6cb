"""Mix rendered datasets and packed selections into one Hugging Face dataset of exact ratios and clean splits.

python pipelines/mix.py --inputs RENDERED CURATED/packed/general CURATED/packed/text-rich --out OUT
python pipelines/mix.py --out OUT --without SOURCE...
Also by `ray job submit --working-dir . -- python pipelines/mix.py ...` and
`ray submit cluster.yaml pipelines/mix.py ...`.
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
    from pipelines.mixture import mixing

    settings = mixing.parse_settings(args)
    os.chdir(sys.prefix)  # a folder without modules of ours: Ray adds the driver's to its workers' paths
    return mixing.execute(settings)


if __name__ == "__main__":
    find_packages()
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # while its modules load
        print("\nmix.py: stopped; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
