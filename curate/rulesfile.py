"""Reads and writes rules files: YAML, one selection a name; fields as in curate/rules.py."""

import difflib
import re
import reprlib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import msgspec
import yaml

from curate.rules import Bound, Category, Percentile, Rule, Selection, Weight

DERIVED = ("inherited", "widest_rules")  # not written in a file
Part = TypeVar("Part", Rule, Weight, Category, Selection)


class _Loader(yaml.SafeLoader):
    """Refuses a mapping that has a key twice, of which YAML silently keeps the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if again := sorted({name for name in names if names.count(name) > 1}):
            raise yaml.composer.ComposerError(None, None, f"{again[0]!r} is there twice", node.start_mark)
        return node


def parse_rules(text: str, origin: str) -> dict[str, Selection]:
    """The selections of a rules file by name, in its order. Raises ValueError naming `origin` and the place."""
    try:
        values = _Loader(text).get_single_data()
        if not isinstance(values, dict) or not values:
            raise ValueError("write `name:` and under it `rules:` with one `- {column: ..., at_least: ...}` a line")
        own = {str(name): _selection(str(name), part) for name, part in values.items()}
        return {name: _extended(name, own, ()) for name in own}
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"rules {origin}: {error}") from None


def _extended(name: str, own: Mapping[str, Selection], above: tuple[str, ...]) -> Selection:
    """A selection with the rules of those it is a part of before its own."""
    if name in above:
        raise ValueError(f"selection {name!r} extends itself by way of {', '.join(above[1:]) or name}")
    if name not in own:
        raise ValueError(f"selection {above[-1]!r} extends {name!r}, which is not in the file")
    selection = own[name]
    if not selection.extends:
        return selection
    base = _extended(selection.extends, own, (*above, name))
    if selection.keep_duplicates and not base.keep_duplicates:
        raise ValueError(f"selection {name!r} keeps duplicates, which {base.name!r} drops: it would be no part of it")
    if any(category.max_images for category in base.categories):
        raise ValueError(f"selection {name!r} extends {base.name!r}, whose max_images would not hold for it")
    rules = tuple(dict.fromkeys((*base.rules, *selection.rules)))
    inherited = (*base.inherited, base.name)
    widest = base.widest_rules if base.inherited else base.rules
    return replace(selection, rules=rules, inherited=inherited, widest_rules=widest)


def _selection(name: str, values: Any) -> Selection:
    if not isinstance(values, dict | None):
        raise ValueError(f"selection {name!r} is {_shown(values)}: write `rules:` and more under it")
    values = dict(values or {})
    values["rules"] = tuple(_part(Rule, part, f"selection {name!r}, rules") for part in _list(values, name, "rules"))
    categories = _list(values, name, "categories")
    values["categories"] = tuple(_part(Category, part, f"selection {name!r}, categories") for part in categories)
    if values.get("weight") is not None:
        values["weight"] = _part(Weight, values["weight"], f"selection {name!r}, weight")
    return _part(Selection, {"name": name} | values, f"selection {name!r}")


def _shown(value: Any) -> str:
    """A value for a message, cut where it is long: a few lines of YAML may stand for one without end."""
    short = reprlib.Repr()
    short.maxlevel, short.maxdict, short.maxstring, short.maxother = 3, 12, 80, 80
    return short.repr(value)


def _list(values: dict[str, Any], name: str, key: str) -> list[Any]:
    parts = values.get(key) or []
    if not isinstance(parts, list):
        raise ValueError(f"selection {name!r}: {key} is a {type(parts).__name__}: write a list")
    return parts


def _part(kind: type[Part], values: Any, where: str) -> Part:
    """One dataclass from the values of a mapping; unknown fields and wrong types are refused."""
    if not isinstance(values, dict):
        raise ValueError(f"{where}: {_shown(values)} is no mapping: write `field: value`")
    known = {f.name: f.type for f in fields(kind) if f.name not in DERIVED}
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            raise ValueError(f"{where}: no field {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    try:
        return kind(**{key: _typed(value, known[key]) for key, value in values.items()})
    except (TypeError, msgspec.ValidationError) as error:
        raise ValueError(f"{where}: {_shown(values)}: {error}") from None


def _typed(value: Any, hint: Any) -> Any:
    if hint == Bound | None and isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*%\s*", value)
        if match is None:
            raise ValueError(f"bound is {_shown(value)}: write a number, or a percentile such as 10%")
        return Percentile(percent=float(match[1]))
    if isinstance(value, tuple) or hint in (Weight | None,):
        return value
    return msgspec.convert(value, float | None if hint == Bound | None else hint)


def dump_rules(selections: Mapping[str, Selection], note: str = "") -> str:
    """The selections as a rules file; `note` becomes comments at its head."""
    head = "".join(f"# {line}\n" for line in note.splitlines())
    values = {name: _plain(selection) for name, selection in selections.items()}
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)


def _plain(part: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults, as YAML holds them."""
    values = {}
    for spec in fields(part):
        value = getattr(part, spec.name)
        if value == spec.default or (spec.name in ("name", *DERIVED) and isinstance(part, Selection)):
            continue
        if isinstance(value, tuple):
            value = [_plain(item) for item in value]
        elif isinstance(value, Weight):
            value = _plain(value)
        values[spec.name] = str(value) if isinstance(value, Percentile) else value
    return values
