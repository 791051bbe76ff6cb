"""Measure how well an autoencoder keeps images and the text on them, as the official evaluator does.

python train/evaluate.py --gt DIR (--recon DIR | --model FOLDER | --diffusers FOLDER | --module FILE.py) --out OUT
python train/evaluate.py compare OUT OUT ... --out DIR
"""

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
    from train.evaluation import evaluating

    return evaluating.main(args)


if __name__ == "__main__":
    find_packages()
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # while its modules load
        print("\nevaluate.py: stopped; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
