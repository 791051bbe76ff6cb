"""log.jsonl of a run: a line of JSON for each step that is logged, each evaluation and each checkpoint."""

import json
from pathlib import Path
from typing import IO, Any

from pipelines.shards.folder import Folder

LOG_FILE = "log.jsonl"
STEP, EVALUATION, CHECKPOINT = "step", "eval", "checkpoint"  # kinds of lines
Line = dict[str, Any]  # kind, images (seen by then), and figures by name; null where one is not finite


def read_log(path: Path) -> list[Line]:
    """The lines of a log, none where there is no file; one that a kill cut short is left out."""
    lines = []
    for line in path.read_text(encoding="utf-8").split("\n") if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def open_log(path: Path, num_images: int) -> IO[str]:
    """The log for appending, without what an interrupted run wrote after the checkpoint it resumes from."""
    kept = [line for line in read_log(path) if line["images"] <= num_images] if num_images else []
    Folder(str(path.parent)).put(path.name, "".join(json.dumps(line) + "\n" for line in kept).encode())
    return path.open("a", encoding="utf-8")
