"""What runs on Ray's workers before our packages are found: sent by value.

A worker imports our packages from the driver's checkout where its node has that folder, else what is
installed there (`ray job submit --working-dir .` brings the checkout along to every node). Ray puts the
driver's working directory before both: a script leaves one that holds modules named like ours first.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def checkout() -> str:
    """The checkout that our packages are imported from, "" where they are installed."""
    root = Path(__file__).resolve().parents[1]
    return str(root) if (root / "pyproject.toml").exists() else ""


def shard_maker() -> Callable[[str, bytes, int], tuple[str, Any]]:
    """A function that Ray sends by value, since it runs before our packages can be found."""

    def make_shard(root: str, task: bytes, shard: int) -> tuple[str, Any]:
        import os
        import sys

        import ray

        node = ray.get_runtime_context().get_node_id()
        if root and sys.path[0] != root and os.path.exists(os.path.join(root, "pyproject.toml")):
            sys.path.insert(0, root)
        try:
            from pipelines.pools import worker_of

            worker = worker_of(task)
        except Exception as error:  # our packages are not there
            return node, f"{type(error).__name__}: {error}"
        return node, worker.make(shard)

    return make_shard


def shard_actor() -> type:
    """A class that Ray sends by value, since it runs before our packages can be found."""
    make_shard = shard_maker()

    class ShardActor:
        def __init__(self, root: str, task: bytes) -> None:
            self._root, self._task = root, task

        def started(self) -> tuple[str, None]:
            """Answers once the actor runs."""
            return "", None

        def make(self, shard: int) -> Any:
            return make_shard(self._root, self._task, shard)

    return ShardActor
