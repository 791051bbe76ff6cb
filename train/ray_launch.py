"""Runs the ranks of a training by Ray Train: the one place of fitting that imports Ray, and only when asked to."""

from pathlib import Path
from typing import Any

from train.settings import Run


def launch(run: Run) -> int:
    """Train with `ray_workers` ranks on the cluster at hand, a GPU each where it has any; the exit code.

    All ranks must see the data and the run's folder under the same names.
    """
    import ray
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    if not ray.is_initialized():
        ray.init()  # with its dashboard: Ray Train asks it for the state of its actors
    use_gpu = run.execution.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= run.execution.ray_workers
    scaling = ScalingConfig(num_workers=run.execution.ray_workers, use_gpu=use_gpu)
    settings = {"run": run, "checkout": str(Path(__file__).resolve().parents[1])}
    TorchTrainer(_rank_loop(), train_loop_config=settings, scaling_config=scaling).fit()
    return 0


def _rank_loop() -> Any:
    """A function that Ray sends by value, since it runs before our packages can be found."""

    def train_rank(settings: dict[str, Any]) -> None:
        import sys

        sys.path.insert(0, settings["checkout"])
        from train.training import train

        train(settings["run"])

    return train_rank
