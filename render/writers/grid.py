"""Tables of cells: a header and columns that each hold one kind of thing."""

from collections.abc import Callable
from dataclasses import dataclass

from render.writers import headings, lexicon, snippets
from render.writers.chinese import grammar as chinese
from render.writers.draws import Draws
from render.writers.english import grammar as english
from render.writers.words import in_script

_CELL_CHARS = {"en": 18, "zh": 8, "zh-Hant": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Text of a table; every row has as many cells as the header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]  # by column: to be aligned right


@dataclass(frozen=True, slots=True)
class _Column:
    english: tuple[str, ...]  # headers to choose from
    chinese: tuple[str, ...]
    cell: Callable[[Draws, str], str]  # of (draws, language)
    numeric: bool


def _item(draws: Draws, language: str) -> str:
    grammar = english() if language == "en" else chinese(language)
    return headings.title(draws, grammar, _CELL_CHARS[language])


def _status(draws: Draws, language: str) -> str:
    return in_script(draws.pick(lexicon.STATUSES if language == "en" else lexicon.ZH_STATUSES), language)


def _day(draws: Draws, language: str) -> str:
    return f"{draws.between(1990, 2035)}-{draws.between(1, 12):02}-{draws.between(1, 28):02}"


_FIRST = (
    _Column(("Name", "Employee", "Author"), ("姓名", "负责人", "作者"), snippets.name, False),
    _Column(("Item", "Product", "Method", "Task"), ("项目", "品名", "方法", "名称"), _item, False),
    _Column(("City", "Region"), ("城市", "地区"), snippets.place, False),
    _Column(("Date", "Day"), ("日期", "时间"), _day, False),
    _Column(
        ("ID", "No.", "Code"),
        ("编号", "单号"),
        lambda d, _: f"{d.pick('ABCKRTX')}{d.between(100, 99999)}",
        False,
    ),
)
_OTHER = (
    _Column(("Qty", "Count", "Units", "n"), ("数量", "件数", "人数"), lambda d, _: str(d.below(1000)), True),
    _Column(("Price", "Total", "Amount"), ("单价", "金额", "合计"), snippets.price, True),
    _Column(("Share", "Change", "Growth"), ("占比", "涨跌幅", "增长率"), lambda d, _: snippets.percent(d), True),
    _Column(
        ("Value", "Score", "PSNR", "Loss"),
        ("数值", "得分", "面积"),
        lambda d, _: f"{100 * d.fraction():.2f}",
        True,
    ),
    _Column(("Output", "Sales", "Budget"), ("产量", "销售额", "预算"), lambda d, _: f"{d.below(10**7):,}", True),
    _Column(("Year",), ("年份",), lambda d, _: str(d.between(1949, 2035)), True),
    _Column(("Date", "Due", "Updated"), ("日期", "更新时间"), _day, False),
    _Column(("Time", "Start"), ("时刻", "开始"), lambda d, _: snippets.time(d), False),
    _Column(("Status",), ("状态",), _status, False),
    _Column(("Contact", "Phone"), ("电话",), lambda d, _: snippets.phone(d), False),
    _Column(("Notes", "Remarks"), ("备注", "说明"), _item, False),
)


def table(draws: Draws, language: str, num_rows: int, num_columns: int) -> Table:
    """A table of `num_rows` rows below its header; `num_columns` at least 1."""
    turn = draws.below(len(_OTHER))
    others = [_OTHER[(turn + 3 * number) % len(_OTHER)] for number in range(num_columns - 1)]
    columns = [draws.pick(_FIRST), *others]
    rows = [tuple(column.cell(draws, language) for column in columns) for _ in range(num_rows)]
    return Table(
        header=tuple(_header(draws, language, column) for column in columns),
        rows=tuple(rows),
        numeric=tuple(column.numeric for column in columns),
    )


def _header(draws: Draws, language: str, column: _Column) -> str:
    return in_script(draws.pick(column.english if language == "en" else column.chinese), language)
