"""The files that the figures of an autoencoder depend on, and a hash of them."""

import ast
from collections.abc import Sequence
from hashlib import file_digest, sha256
from pathlib import Path

WEIGHTS = (".json", ".safetensors", ".pth", ".bin", ".pt")
DECLARED = "FILES"  # of a Python file: a tuple of paths beside it


def files_of(path: Path) -> list[Path]:
    """The weights and settings in a model's folder; or a Python file, with those that its line FILES = ("PATH", ...)
    names. Raises ValueError where a folder holds none, FileNotFoundError where a file is not there."""
    if path.is_file():
        files = [path, *(path.parent / name for name in _declared(path))]
        if missing := [file for file in files if not file.is_file()]:
            raise FileNotFoundError(f"{missing[0]} is missing, which {DECLARED} of {path} names")
        return files
    folder = path / "vae" if (path / "vae").is_dir() else path
    files = sorted(file for file in folder.glob("*") if file.suffix in WEIGHTS)
    if not files:
        raise ValueError(f"{path} holds no weights ({', '.join(WEIGHTS)}): name the model's folder")
    return files


def _declared(path: Path) -> list[str]:
    """What a Python file's FILES says, which is read and not run."""
    if path.suffix != ".py":
        return []
    for line in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
        if isinstance(line, ast.Assign) and [ast.unparse(target) for target in line.targets] == [DECLARED]:
            return [str(name) for name in ast.literal_eval(line.value)]
    return []


def digest_of(paths: Sequence[Path]) -> str:
    """A hash of files' names and content."""
    total = sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(path.name.encode() + b"\0" + file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]
