"""What is asked of a Ray cluster before Ray would wait without end: that it answers, that a node has room."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 5


def cluster_address() -> str:
    """The address in RAY_ADDRESS, else that of the cluster last started on this node; "" where Ray begins one."""
    address = os.environ.get("RAY_ADDRESS", "")
    if address not in ("", "auto"):
        return address
    noted = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp", "ray", "ray_current_cluster")
    return noted.read_text().strip() if noted.exists() else ""


def check_answers(address: str) -> None:
    """Raise ValueError where nothing listens at HOST:PORT; any other address is Ray's to understand."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        raise ValueError(
            f"no Ray answers at {address} ({error}): start it again, or forget it by `ray stop` and unset RAY_ADDRESS, "
            "or give --backend processes"
        ) from error


@dataclass(slots=True, kw_only=True)
class Room:
    """What a worker needs of its node, and the nodes that are left out. Nodes: as `ray.nodes()` tells them."""

    num_cpus: float
    num_gpus: float
    left_out: set[str] = field(default_factory=set)

    @property
    def _wanted(self) -> dict[str, float]:
        return {"CPU": self.num_cpus, "GPU": self.num_gpus}

    def is_in(self, nodes: Sequence[dict[str, Any]]) -> bool:
        """Whether a node has room that is not left out."""
        return any(
            all(one.get(name, 0) >= least for name, least in self._wanted.items()) for one in self._resources(nodes)
        )

    def workers_in(self, nodes: Sequence[dict[str, Any]]) -> int:
        """How many workers the nodes hold that are not left out; of workers that need nothing one a CPU."""
        wanted = {name: least for name, least in self._wanted.items() if least} or {"CPU": 1}
        return sum(
            min(int(one.get(name, 0) / least) for name, least in wanted.items()) for one in self._resources(nodes)
        )

    def _resources(self, nodes: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
        return [node["Resources"] for node in nodes if node["Alive"] and node["NodeID"] not in self.left_out]

    def lacking(self, nodes: Sequence[dict[str, Any]]) -> str:
        """What a worker needs and the nodes have, as a sentence."""
        needs = " and ".join(f"{least:g} {name}" for name, least in self._wanted.items() if least)
        there = self._resources(nodes)
        most = " and ".join(f"{max((one.get(name, 0) for one in there), default=0):g} {name}" for name in self._wanted)
        unfit = f", {len(self.left_out)} being left out that could not build the job" if self.left_out else ""
        return f"a worker needs {needs}: no node of the Ray cluster has so much, {most} at most{unfit}"

    def options(self) -> dict[str, Any]:
        """How Ray is told which nodes are left out."""
        if not self.left_out:
            return {}
        return {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(self.left_out))})"}}
