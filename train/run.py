"""Train an autoencoder of the Qwen-Image-VAE-2.0 family on shards of images: stages of a recipe, exact resume.

python train/run.py --recipe tiny --data SHARDS --out RUN
torchrun --nproc-per-node 8 train/run.py --recipe f16c64 --data s3://BUCKET/mix --precision bf16 --out RUN
The same command again resumes; Ctrl-C saves first.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

DESCRIPTION = """Train an autoencoder of the Qwen-Image-VAE-2.0 family on shards of images, by the stages of a recipe.

--recipe NAME|FILE is the base (tiny, f16c64, f16c128, f32c128, f32c192, refine, or a YAML file); every other flag \
overrides it. The same command again resumes, exactly; Ctrl-C saves first. --out holds checkpoints/, samples/, \
tensorboard/, log.jsonl, curve.png, report.html and at the end model/ (config.json and model.safetensors)."""


def find_packages() -> None:
    """Import our packages from the checkout that this script lies in, else what is installed; never its folder.

    Python puts that folder first on the path, where its modules would hide others of their names.
    """
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    if (here.parent / "pyproject.toml").is_file():
        sys.path.insert(0, str(here.parent))


def main(args: Sequence[str]) -> int:
    from train.command_line import parse_run

    run = parse_run(args, DESCRIPTION, "run.py")
    from train.estimate import describe
    from train.needs import describe_needs
    from train.training import FAULTS, told, train

    try:
        if run.execution.dry_run:
            print(f"{describe(run)}\n\n{describe_needs(run)}")
            return 0
        if run.execution.ray_workers:
            from train.ray_launch import launch

            return launch(run)
        return 0 if train(run) else 130
    except FAULTS as error:
        if os.environ.get("SMALLPRINT_TRACE"):
            raise
        raise SystemExit(f"run.py: {told(error, run.execution.out)}") from None


if __name__ == "__main__":
    find_packages()
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # before training listens for it, or a second one
        print("\nrun.py: stopped at once; the same command goes on from the last checkpoint", file=sys.stderr)
        raise SystemExit(130) from None
