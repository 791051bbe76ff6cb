"""The category of each row of a selection, which its rules may name as a column."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.expressions import expression
from curate.rules import Category, Selection

CATEGORY = "category"
OTHER = ""  # rows of no category


def category_names(selection: Selection) -> list[str]:
    """The names of the categories, and last that of the rows in none."""
    return [*(category.name for category in selection.categories), OTHER]


def categorise(batch: pa.RecordBatch, categories: Sequence[Category]) -> NDArray[np.int32]:
    """The number of each row's category (n,), that of the first that takes it; len(categories) for none."""
    numbers = np.full(len(batch), len(categories), np.int32)
    ordered = sorted(enumerate(categories), key=lambda item: item[1].where == "")  # "" takes what is left
    for number, category in ordered:
        free = numbers == len(categories)
        numbers[free & expression(category.where).holds(batch) if category.where else free] = number
    return numbers


def with_category(batch: pa.RecordBatch, selection: Selection) -> pa.RecordBatch:
    """The batch with the category's name as a column, which rules may use."""
    if not selection.categories:
        return batch
    names = pa.array(category_names(selection), pa.string())
    column = pa.DictionaryArray.from_arrays(pa.array(categorise(batch, selection.categories)), names)
    others = [name for name in batch.schema.names if name != CATEGORY]
    arrays = [batch.column(name) for name in others]
    return pa.RecordBatch.from_arrays([*arrays, column], [*others, CATEGORY])
