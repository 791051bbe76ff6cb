"""Render acuity charts: lines of known characters, 5 to 20 px, each character with the nine that look most like it.

python pipelines/acuity.py --photos DIR --out CHARTS
python train/acuity.py --charts CHARTS --models NAME=FOLDER --out OUT     # then measures with them
Also by `ray job submit --working-dir . -- python pipelines/acuity.py ...` and
`ray submit cluster.yaml pipelines/acuity.py ...`.
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
    from pipelines.acuity_charts import making
    from pipelines.acuity_charts.settings import parse_settings

    settings = parse_settings(args, making.DESCRIPTION, "acuity.py").absolute()
    os.chdir(sys.prefix)  # a folder without a render.py: Ray adds the driver's to its workers' paths
    return making.make(settings)


if __name__ == "__main__":
    find_packages()
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # while its modules load
        print("\nacuity.py: stopped; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
