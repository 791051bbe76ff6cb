"""The files that the figures of an autoencoder depend on, and a hash of them."""

import ast
from collections.abc import Sequence
from contextlib import suppress
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
        match line:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name == DECLARED:
                return _names(ast.unparse(value), path)
    return []


def _names(text: str, path: Path) -> list[str]:
    """The names that an expression gives. Raises ValueError where it is not plain strings."""
    with suppress(ValueError):
        names = ast.literal_eval(text)
        names = (names,) if isinstance(names, str) else names
        if isinstance(names, tuple | list) and all(isinstance(name, str) for name in names):
            return list(names)
    raise ValueError(f'{DECLARED} of {path} is {text}: write the names out, as in {DECLARED} = ("weights.pt",)')


def digest_of(paths: Sequence[Path]) -> str:
    """A hash of files' names and content."""
    total = sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(path.name.encode() + b"\0" + file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]
