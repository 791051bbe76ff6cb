"""What a scorer is: it measures pictures into columns and never decides."""

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from curate.picture import Picture


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
