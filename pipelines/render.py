"""Render small English and Chinese text onto photos, as a Hugging Face dataset with exact labels.

python pipelines/render.py --photos DIR --out OUT --num-images 20000
python pipelines/render.py inspect OUT | verify OUT | export OUT --to DIR
Also by `ray job submit --working-dir . -- python pipelines/render.py ...` and
`ray submit cluster.yaml pipelines/render.py ...`.
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
    from pipelines import dataset
    from pipelines.settings import parse_settings

    if args and args[0] in ("inspect", "verify", "export"):
        from pipelines.rendered import after

        return after.main(args)
    try:
        settings = parse_settings(args, dataset.DESCRIPTION, "render.py").absolute()
    except ValueError as error:
        raise SystemExit(f"render.py: {error}") from None
    os.chdir(sys.prefix)  # a folder without a render.py: Ray adds the driver's to its workers' paths
    return dataset.make(settings)


if __name__ == "__main__":
    find_packages()
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # while its modules load
        print("\nrender.py: stopped; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
