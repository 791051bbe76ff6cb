"""Where the figures of a run go besides its log: TensorBoard, and Weights & Biases where asked for."""

import secrets
from pathlib import Path
from typing import Any

from pipelines.shards.folder import Folder
from train.settings import Run

WANDB_FILE = "wandb.id"


class Boards:
    """Takes figures by name over the images seen; `num_images` were seen before."""

    def __init__(self, run: Run, num_images: int) -> None:
        self._wandb = _open_wandb(run) if run.execution.wandb else None
        self._board = _open_board(Path(run.execution.out), num_images)

    def write(self, num_images: int, values: dict[str, float]) -> None:
        """Add figures; those whose name has no group are of training."""
        named = {name if "/" in name else f"train/{name}": value for name, value in values.items()}
        for name, value in named.items():
            self._board.add_scalar(name, value, num_images)
        if self._wandb is not None:
            self._wandb.log(named, step=num_images)

    def close(self) -> None:
        """Write what is left."""
        self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


def _open_board(out: Path, num_images: int) -> Any:
    """TensorBoard, which is told to hide what an interrupted run wrote after the checkpoint it goes on from."""
    from torch.utils.tensorboard import SummaryWriter  # a second and a half, for the first rank alone

    return SummaryWriter(str(out / "tensorboard"), purge_step=num_images + 1 if num_images else 0)


def _open_wandb(run: Run) -> Any:
    """A run at Weights & Biases that goes on where this one does. Raises ValueError where it cannot be begun."""
    try:
        import wandb
    except ImportError:
        raise ValueError("--wandb needs the package: pip install wandb") from None
    out = run.execution.out
    number = Path(out, WANDB_FILE)
    if not number.exists():
        Folder(out).put(WANDB_FILE, secrets.token_hex(4).encode())
    try:
        return wandb.init(
            project=run.execution.wandb,
            name=Path(out).name,
            id=number.read_text("utf-8"),
            resume="allow",
            dir=out,
            config={"recipe": run.recipe} | run.identity(),
        )
    except wandb.errors.Error as error:  # no account, no network
        raise ValueError(f"--wandb: {error} Or set WANDB_MODE=offline, and send the run by wandb sync later") from error
