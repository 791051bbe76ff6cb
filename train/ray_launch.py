"""Runs the ranks of a training by Ray Train: the one place of fitting that imports Ray, and only when asked to."""

from pathlib import Path
from typing import Any

from train.settings import Run


def launch(run: Run) -> int:
    """Train with `ray_workers` ranks on the cluster at hand, a GPU each unless the device is cpu or there is none;
    the exit code.

    All ranks must see the data and the run's folder under the same names. Raises ValueError for more ranks than GPUs,
    and with what the first rank that failed said.
    """
    import ray
    from ray.train import ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    if not ray.is_initialized():
        ray.init()  # with its dashboard: Ray Train asks it for the state of its actors
    num_ranks, num_gpus = run.execution.ray_workers, int(ray.cluster_resources().get("GPU", 0))
    use_gpu = run.execution.device != "cpu" and (num_gpus > 0 or run.execution.device == "cuda")
    if use_gpu and num_gpus < num_ranks:
        raise ValueError(
            f"ray_workers is {num_ranks}, and the cluster has {num_gpus} GPUs: give at most so many, add nodes first, "
            "or --device cpu"
        )
    print(f"ranks       {num_ranks}, on {'a GPU each' if use_gpu else 'CPUs'}", flush=True)
    scaling = ScalingConfig(num_workers=num_ranks, use_gpu=use_gpu)
    settings = {"run": run, "checkout": str(Path(__file__).resolve().parents[1])}
    try:
        TorchTrainer(_rank_loop(), train_loop_config=settings, scaling_config=scaling).fit()
    except TrainingFailedError as error:
        raise ValueError(_cause(error)) from error
    return 0


def _cause(error: Exception) -> str:
    """What the first rank said that failed by itself, rather than for want of another."""
    failures = getattr(error, "worker_failures", None) or {0: error.__cause__ or error}
    own = [rank for rank, failure in failures.items() if isinstance(failure, ValueError)]
    return str(failures[min(own or failures)])


def _rank_loop() -> Any:
    """A function that Ray sends by value, since it runs before our packages can be found."""

    def train_rank(settings: dict[str, Any]) -> None:
        import sys

        sys.path.insert(0, settings["checkout"])
        from train.training import FAULTS, told, train

        try:
            train(settings["run"])
        except FAULTS as error:
            raise ValueError(told(error, settings["run"].execution.out)) from None  # of a kind that Ray knows

    return train_rank
