"""What a scorer is: it measures pictures into columns and never decides. Scorers are opened by name."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
from zlib import crc32

import pyarrow as pa

from curate.picture import Picture

# Imported only when named: a run pays for the libraries of the scorers that it uses.
BUILT_IN = {
    "sanity": ("curate.sanity", "SizeAndSanity"),
    "compression": ("curate.compression", "Compression"),
    "fingerprint": ("curate.fingerprint", "Fingerprint"),
    "sharpness": ("curate.sharpness", "Sharpness"),
}
USER = re.compile(r"(?P<file>.+\.py):(?P<name>\w+)")
MODEL = re.compile(r"(?P<file>.+\.(onnx|safetensors))(:(?P<name>\w+))?")


class Scorer(Protocol):
    """Measures pictures. Built once a worker: models are loaded in `__init__`, not a picture."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns. Each field's metadata has "about": meaning, unit, range and direction in one line."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same picture would get other numbers; models and packages included."""
        ...

    def __call__(self, pictures: Sequence[Picture]) -> pa.RecordBatch:
        """One row a picture, in order. Raises BadImage only where a picture's pixels cannot be decoded."""
        ...


def column(name: str, kind: pa.DataType, about: str) -> pa.Field:
    """A field of a scorer's schema; about: meaning; unit; range; direction; source."""
    return pa.field(name, kind, metadata={"about": about})


def batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Measured values, one mapping a picture, as a scorer returns them."""
    return pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema)


def open_scorers(names: Iterable[str]) -> list[Scorer]:
    """The scorers of these names, in order: "sanity", "compression", "fingerprint", "sharpness", a class of the
    user's own as "path/to/file.py:ClassName", built without arguments, or a learned head as
    "path/to/model.onnx:column" (or .safetensors; the column is named as the file where none is given).

    Raises ValueError naming what is wrong and the remedy, also where two scorers have a column of one name.
    """
    names = list(names)
    scorers = [_open(name) for name in names]
    _check_columns(names, scorers)
    return scorers


def _open(name: str) -> Scorer:
    if name in BUILT_IN:
        module, class_name = BUILT_IN[name]
        return getattr(import_module(module), class_name)()  # type: ignore[no-any-return]
    if match := USER.fullmatch(name):
        return _open_user(Path(match["file"]), match["name"])
    if match := MODEL.fullmatch(name):
        return import_module("curate.heads").Head(match["file"], match["name"] or "")  # type: ignore[no-any-return]
    known = ", ".join(BUILT_IN)
    raise ValueError(f"no scorer is called {name!r}: use {known}, path/to/file.py:ClassName or model.onnx:column")


def _open_user(file: Path, class_name: str) -> Scorer:
    if not file.is_file():
        raise ValueError(f"scorer {file}:{class_name}: there is no file {file.resolve()}; give its full path")
    found = getattr(_load(file, class_name), class_name, None)
    if not isinstance(found, type):
        raise ValueError(f"scorer {file}:{class_name}: {file.name} has no class {class_name}; check the name")
    fail = partial(_user_error, file, class_name)
    try:
        scorer = found()
    except Exception as error:
        raise fail("its __init__ raised", error, "it is called without arguments") from error
    try:
        named = isinstance(scorer.schema, pa.Schema) and isinstance(scorer.version, str)
    except Exception as error:
        raise fail("its schema or version raised", error, "see curate/scorers.py") from error
    if not named or not callable(scorer):
        remedy = "give it `schema` (pyarrow.Schema), `version` (str) and `__call__(pictures)`; see curate/scorers.py"
        raise ValueError(f"scorer {file}:{class_name} is no scorer: {remedy}")
    return scorer  # type: ignore[no-any-return]


def _load(file: Path, class_name: str) -> ModuleType:
    """The user's file as a module, named by its path so that two files of one name stay apart."""
    name = f"scorer_{file.stem}_{crc32(str(file.resolve()).encode()):08x}"
    spec = spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses of the file look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _user_error(file, class_name, "importing the file raised", error, "run it alone to see why") from error
    return module


def _user_error(file: Path, class_name: str, what: str, error: Exception, remedy: str) -> ValueError:
    return ValueError(f"scorer {file}:{class_name}: {what} {type(error).__name__}: {error}; {remedy}")


def _check_columns(names: Sequence[str], scorers: Sequence[Scorer]) -> None:
    owner: dict[str, str] = {}
    for name, scorer in zip(names, scorers, strict=True):
        for one in scorer.schema.names:
            if one in owner:
                raise ValueError(f"column {one!r} is in scorers {owner[one]} and {name}: rename it or leave one out")
            owner[one] = name
