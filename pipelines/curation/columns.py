"""The columns of a curation by name: its own, those that scorers may make, and what stands against one."""

from collections.abc import Container, Sequence

import pyarrow as pa

from curate.scorers import Scorer, column, open_scorers
from curate.text import TextDensity
from pipelines.corpora.listing import PLACE_FIELDS
from pipelines.shards.record import RECORD_SCHEMA, has_feature

OUTCOME_FIELDS = [("status", pa.string()), ("reason", pa.string())]
LAYER_TEXT = column("layer_text", pa.string(), "the text a PDF holds for its page; text; null where none; PDF")
# Columns that other parts of a curation own: the row itself, its text, its duplicates, and what is packed.
RESERVED = {
    *("id", "path", "duplicate_of", "duplicate_kind", "weight", "category", LAYER_TEXT.name),
    *(name for name, _ in (*OUTCOME_FIELDS, *PLACE_FIELDS)),
    *RECORD_SCHEMA.names,
} - {"width_px", "height_px"}  # which are scores too


def score_names(scorers: Sequence[str]) -> list[str]:
    """The columns that scorers make, by the scorers' names. Raises ValueError as `open_scorers`."""
    return [name for scorer in open_scorers(scorers) for name in scorer.schema.names]


def check_scorers(scorers: Sequence[str], *, with_text: bool) -> None:
    """Raise ValueError where a scorer cannot be opened, or would hide a column that a curation has anyway."""
    for name, scorer in zip(scorers, open_scorers(scorers), strict=True):
        check_columns(name, scorer, RESERVED | set(TextDensity.schema.names) if with_text else RESERVED)


def check_columns(name: str, scorer: Scorer, reserved: Container[str] = RESERVED) -> None:
    """Raise ValueError where a scorer's column is a reserved one, or of a type that a packed set could not be read
    with."""
    if taken := [one for one in scorer.schema.names if one in reserved]:
        raise ValueError(f"scorer {name}: column {taken[0]!r} is one that each curation has: give it another name")
    if odd := [field for field in scorer.schema if not has_feature(field.type)]:
        raise ValueError(
            f"scorer {name}: column {odd[0].name!r} is of type {odd[0].type}, which `datasets` does not read: use "
            "another, such as float32 or string"
        )
