"""Expressions over score columns, such as `min(width_px, height_px) >= 512`: written in Python's grammar,
checked against a short list of what may occur, and computed by Arrow. Nothing in them is ever run."""

import ast
import difflib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MAX_CHARS = 1000
ARITHMETIC: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: pc.divide,
}
COMPARISONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
}
FUNCTIONS = ("min", "max", "matches")
ALLOWED = (
    "columns, numbers, texts, + - * /, comparisons, `in (a, b)`, `is None`, and, or, not, min(a, b), max(a, b), "
    'matches(column, "*glob*", ...)'
)


@lru_cache(maxsize=1024)
def expression(text: str) -> "Expression":
    """An expression, parsed once."""
    return Expression(text)


class Expression:
    """A parsed expression. Columns of numbers are taken as float64; matches() ignores case.

    Raises ValueError naming the expression and what may be written.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            if len(text) > MAX_CHARS:
                raise ValueError(f"it has {len(text)} characters, more than {MAX_CHARS}")
            self._tree = ast.parse(text.strip(), mode="eval").body
            _check(self._tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f"expression {text[:200]!r} cannot be read ({error}): use {ALLOWED}") from None
        names = (node for node in ast.walk(self._tree) if isinstance(node, ast.Name))
        self.columns = tuple(sorted({node.id for node in names} - set(FUNCTIONS)))

    def check_columns(self, known: Sequence[str]) -> None:
        """Raise ValueError where a column is not among the known ones."""
        for name in self.columns:
            if name not in known:
                raise ValueError(f"expression {self.text!r} names {name!r}, {no_column(name, known)}")

    def numbers(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Its value for each row (n,), nan where it is null or not finite in float32. Raises ValueError as `holds`."""
        values = self._values(batch, pa.float64())
        with np.errstate(over="ignore"):
            numbers = np.asarray(pc.fill_null(values, np.nan)).astype(np.float32)
        numbers[~np.isfinite(numbers)] = np.nan
        return numbers + np.float32(0)  # -0 becomes 0

    def holds(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        """Whether it holds for each row (n,); null counts as no. Raises ValueError where it is no condition, or
        where types do not fit."""
        values = self._values(batch)
        if not (pa.types.is_boolean(values.type) or pa.types.is_null(values.type)):
            raise ValueError(f"expression {self.text!r} gives {values.type}: write a condition, such as `a >= 1`")
        return np.asarray(pc.fill_null(pc.cast(values, pa.bool_()), False).to_numpy(zero_copy_only=False))

    def _values(self, batch: pa.RecordBatch, kind: pa.DataType | None = None) -> pa.Array:
        """Its value for each row (n,), of this type. Raises ValueError where types do not fit."""
        try:
            values = _array(_value(self._tree, batch), len(batch))
            return values if kind is None else pc.cast(values, kind)
        except (pa.ArrowException, TypeError) as error:
            raise ValueError(f"expression {self.text!r} does not fit the types of its columns: {error}") from None


def no_column(name: str, known: Sequence[str]) -> str:
    """The end of a sentence about a column that is not among the known ones: which may be meant."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
    return f"which is no column of the scores; {hint}"


def _array(value: Any, num_rows: int) -> pa.Array:
    if isinstance(value, pa.ChunkedArray):
        return value.combine_chunks()
    return value if isinstance(value, pa.Array) else pa.repeat(value, num_rows)


def _check(node: ast.AST) -> None:
    """Raise ValueError for whatever is not on the list."""
    match node:
        case ast.Name() | ast.Constant(value=bool() | int() | float() | str() | None):
            return
        case ast.BoolOp(op=ast.And() | ast.Or(), values=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=part):
            parts = [part]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            parts = [left, right]
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            parts = [left, *_compared(op, right)]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS and len(parts) >= 2:
            if name == "matches" and not all(_is_text(part) for part in parts[1:]):
                raise ValueError("matches() takes a column and texts")
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not allowed")
    for part in parts:
        _check(part)


def _compared(op: ast.cmpop, right: ast.expr) -> list[ast.expr]:
    """The parts to check on the right of a comparison."""
    if isinstance(op, ast.In | ast.NotIn):
        if not (isinstance(right, ast.Tuple | ast.List) and all(isinstance(p, ast.Constant) for p in right.elts)):
            raise ValueError("write constants in brackets after `in`")
        if not right.elts:
            raise ValueError("write at least one constant in brackets after `in`")
        return list(right.elts)
    is_none = isinstance(right, ast.Constant) and right.value is None
    if isinstance(op, ast.Is | ast.IsNot) and is_none:
        return []
    if type(op) not in COMPARISONS:
        raise ValueError("`is` is for None alone")
    return [right]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _value(node: ast.AST, batch: pa.RecordBatch) -> Any:
    """The value of a checked node: an array, or a scalar."""
    match node:
        case ast.Name(id=name):
            return _column(batch.column(name))
        case ast.Constant(value=value):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return pa.scalar(value, pa.float64() if is_number else None)
        case ast.BoolOp(op=op, values=values):
            join = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
            return reduce(join, [_value(part, batch) for part in values])
        case ast.UnaryOp(op=op, operand=part):
            return (pc.invert if isinstance(op, ast.Not) else pc.negate)(_value(part, batch))
        case ast.BinOp(left=left, op=op, right=right):
            return ARITHMETIC[type(op)](_value(left, batch), _value(right, batch))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _comparison(_value(left, batch), op, right, batch)
        case ast.Call(func=ast.Name(id="matches"), args=[text, *globs]):
            return _matches(_value(text, batch), [str(ast.literal_eval(glob)) for glob in globs])
        case ast.Call(func=ast.Name(id=name), args=args):
            function = pc.min_element_wise if name == "min" else pc.max_element_wise
            return function(*(_value(arg, batch) for arg in args), skip_nulls=False)
    raise AssertionError(f"{ast.dump(node)} passed the check")


def _column(column: pa.Array) -> Any:
    if pa.types.is_dictionary(column.type):
        return pc.cast(column, column.type.value_type)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        numbers = pc.cast(column, pa.float64(), safe=False)  # products of int32 columns would wrap
        return pc.if_else(pc.is_nan(numbers), None, numbers)  # both mean: not measured
    return column


def _comparison(left: Any, op: ast.cmpop, right: ast.expr, batch: pa.RecordBatch) -> Any:
    if isinstance(op, ast.Is | ast.IsNot):
        return pc.is_null(left) if isinstance(op, ast.Is) else pc.is_valid(left)
    if isinstance(op, ast.In | ast.NotIn):
        options = [_value(part, batch) for part in getattr(right, "elts", [])]
        found = reduce(pc.or_kleene, [pc.equal(left, option) for option in options])
        return pc.invert(found) if isinstance(op, ast.NotIn) else found
    return COMPARISONS[type(op)](left, _value(right, batch))


def _matches(text: Any, globs: Sequence[str]) -> Any:
    """Whether a text fits one of the globs (* and ?) from end to end, ignoring case."""
    patterns = [re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".") for glob in globs]
    return pc.match_substring_regex(text, f"(?s)^({'|'.join(patterns)})$", ignore_case=True)
