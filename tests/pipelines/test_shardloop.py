"""Shards are tried again only while a worker can be had; what went wrong before is told whatever ends the run."""

from collections import deque
from collections.abc import Iterable
from typing import Self

import pytest

from pipelines.pools import Outcome
from pipelines.progress import Progress
from pipelines.shardloop import ShardsFailed, make_shards


class Scripted:
    """A pool whose outcomes are given; its nodes are those that are not left out."""

    capacity = 2

    def __init__(self, outcomes: Iterable[Outcome | ValueError | None], nodes: set[str]) -> None:
        self._outcomes, self._nodes = deque(outcomes), nodes
        self.submitted: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, shard: int) -> None:
        self.submitted.append(shard)

    def wait(self) -> Outcome | None:
        outcome = self._outcomes.popleft()
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    def leave_out(self, node: str) -> bool:
        self._nodes.discard(node)
        return bool(self._nodes)


def unfit(shard: int, node: str) -> Outcome:
    return Outcome(shard=shard, cause="FileNotFoundError: the mount", unfit=True, node=node)


def test_no_shard_is_tried_again_once_no_node_is_left() -> None:
    died = Outcome(shard=1, cause="its worker was lost", crashed=True, node="a")
    pool = Scripted([unfit(0, "a"), None, died], {"a"})

    with pytest.raises(ShardsFailed, match="the mount") as failed:
        make_shards(pool, range(5), Progress(5, 0), lambda shard: None)

    assert pool.submitted == [0, 1]
    assert "3 shards were not begun" in str(failed.value)


def test_what_failed_is_told_where_the_last_node_goes() -> None:
    pool = Scripted([Outcome(shard=0, cause="a broken photo"), None, ValueError("no node has room")], {"a"})

    with pytest.raises(ShardsFailed, match="a broken photo") as failed:
        make_shards(pool, range(5), Progress(5, 0), lambda shard: None)

    assert str(failed.value.__cause__) == "no node has room"
    assert "4 shards were not begun" in str(failed.value)
