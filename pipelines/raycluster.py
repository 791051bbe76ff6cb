"""Which Ray cluster this node would join, and whether it answers: Ray itself asks a dead one without end."""

import os
import socket
from pathlib import Path

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
