"""Whose folder it is: job.json holds the job's identity and library versions; others are refused."""

import json
import tomllib
from collections.abc import Container, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipelines.shards.deflate import VERSION as DEFLATE_VERSION
from pipelines.shards.folder import Folder

JOB_FILE = "job.json"
MAX_DIFFERENCES, MAX_NAMED = 20, 5
HARMLESS = (
    ".yaml",
    ".yml",
    ".sh",
    ".log",
    ".out",
    ".err",
    ".txt",
    "lost+found",
)  # ends of what may lie where a job begins
REMEDY = "Name another folder, or go back to what it was begun with."
LIBRARIES = (
    "fonttools",
    "freetype-py",
    "isal",
    "numba",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "simplejpeg",
    "uharfbuzz",
)


def library_versions() -> dict[str, str]:
    """The versions of what makes a shard's bytes, ours included; what is not installed is left out."""
    versions = {name: _version(name) for name in LIBRARIES} | {"deflate": DEFLATE_VERSION}
    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.exists():
        versions["smallprint"] = tomllib.loads(project.read_text())["project"]["version"]
    else:
        versions["smallprint"] = _version("smallprint")
    return {name: number for name, number in versions.items() if number}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def check_free(folder: Folder, own: Container[str] = ()) -> None:
    """Raise ValueError where the folder holds more than `own` names, recipes, scripts, logs and hidden files: what a
    job that begins there writes would lie among other things, and replace those of the same names."""
    others = [name for name in folder.entries() if name not in own and not name.startswith(".")]
    if others := [name for name in others if not name.lower().endswith(HARMLESS)]:
        more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
        raise ValueError(
            f"{folder.url} holds other things ({', '.join(others[:MAX_NAMED])}{more}) and no job of this kind: name "
            "another folder, or empty this one"
        )


def claim_folder(
    folder: Folder,
    identity: dict[str, Any],
    remedy: str = REMEDY,
    *,
    flags: Mapping[str, str] | None = None,
    own: Container[str] = (),
) -> None:
    """Make the folder this job's, or check that it is; `own` may lie there before it is (see `check_free`).

    `identity` is what the shards' bytes depend on, as JSON (never how many images are asked for).
    `flags` says what a user gives for a part of it: {"limits.max_pixels": "--max-mpx, in pixels"}. Raises
    ValueError showing each difference to the job, or to the library versions, already there, by those names where
    there are any, and the remedy: a sentence.
    """
    mine = json.loads(json.dumps({"identity": identity, "versions": library_versions()}))
    if not folder.exists(JOB_FILE):
        check_free(folder, own)
        folder.put(JOB_FILE, json.dumps(mine, indent=1, sort_keys=True, ensure_ascii=False).encode())
        return
    try:
        theirs = json.loads(folder.read(JOB_FILE))
    except ValueError as error:
        raise ValueError(f"{folder.url}/{JOB_FILE} is not JSON ({error}): name another folder") from error
    if lines := difference(theirs, mine):
        shown = "\n".join(f"  {_named(line, flags or {})}" for line in lines[:MAX_DIFFERENCES])
        more = f"\n  and {len(lines) - MAX_DIFFERENCES} more" if len(lines) > MAX_DIFFERENCES else ""
        raise ValueError(f"{folder.url} was begun by another job (there -> now):\n{shown}{more}\n{remedy}")


def claim_anew(folder: Folder, identity: dict[str, Any]) -> None:
    """Make the folder this job's; what another left is removed, for all of it can be made again."""
    try:
        claim_folder(folder, identity)
    except ValueError:
        folder.clear()
        claim_folder(folder, identity, own=folder.entries())  # empty folders may stay


def _named(line: str, flags: Mapping[str, str]) -> str:
    """A line of `difference` with the flag in place of the longest part of the path that has one."""
    path, _, values = line.partition(": ")
    path = path.removeprefix("identity.")
    for start in sorted(flags, key=len, reverse=True):
        if path == start or path.startswith(f"{start}."):
            within = path[len(start) + 1 :]
            return f"{flags[start]}{f' ({within})' if within else ''}: {values}"
    return line


def difference(old: Any, new: Any, at: str = "") -> list[str]:
    """One line "path: old -> new" for each place where two JSON values differ."""
    if isinstance(old, list) and isinstance(new, list):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{at}: {_apart(old, new)}"]
    lines = []
    for key in [*old, *(key for key in new if key not in old)]:
        path = f"{at}.{key}" if at else str(key)
        if key not in old:
            lines.append(f"{path}: (none) -> {_short(_json(new[key]))}")
        elif key not in new:
            lines.append(f"{path}: {_short(_json(old[key]))} -> (none)")
        else:
            lines += difference(old[key], new[key], path)
    return lines


def _short(text: str, start: int = 0) -> str:
    """A value's JSON from a few characters before `start` on, cut where it is long."""
    text = text if start < 40 else f"{text[0]}...{text[start - 10 :]}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _apart(old: Any, new: Any) -> str:
    """Two values with the place in them where they part."""
    texts = _json(old), _json(new)
    start = next((i for i, pair in enumerate(zip(*texts, strict=False)) if pair[0] != pair[1]), min(map(len, texts)))
    start = start if max(map(len, texts)) > 60 else 0
    return " -> ".join(_short(text, start) for text in texts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
