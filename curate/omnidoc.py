"""Annotations in the format of OmniDocBench, read field by field: what does not fit is named, never used.

A JSON list, an object a page: `page_info` names the image, its kind (`data_source`) and language; `layout_dets` are
its parts, each with a polygon in px of the image. The page's size is taken from the image: `page_info` has width and
height exchanged on many pages.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from curate.textlines import num_chars
from curate.tokenbench import Block, Box, language_of, size_chars

MAX_BYTES = 2**30
MAX_PARTS = 20_000  # of one page
MAX_CHARS = 100_000  # of one part
TEXT_BLOCK = "text_block"
UPRIGHT = ("", "normal")  # of text_rotate; where it is absent, upright
NUM_CORNERS = 4

OUTSIDE, PARTLY_OUTSIDE = "block lies outside the page", "block lies mostly outside the page"
MIN_INSIDE = 0.5


class AnnotationError(ValueError):
    """Annotations that cannot be used. The message names the page, the field, its value and what is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a page that holds text. box_px: around its polygon, px of the image, not yet clipped to it."""

    box_px: tuple[float, float, float, float]
    text: str
    is_anchor: bool  # a text block that is upright and not to be ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNotes:
    """What is annotated of one page. fault: why it cannot be used, "" where it can; skipped: parts, by reason."""

    image: str
    category: str = ""
    parts: tuple[Part, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""


def read_annotations(data: bytes) -> list[PageNotes]:
    """The pages of a file of annotations, in order; a page that does not fit comes with its fault.

    Raises AnnotationError where the whole file is not what it should be.
    """
    if len(data) > MAX_BYTES:
        raise AnnotationError(f"annotations hold {len(data)} bytes: at most {MAX_BYTES} are read; split the file")
    try:
        pages = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise AnnotationError(f"annotations are no JSON ({error}): give the list of pages of OmniDocBench") from error
    if not isinstance(pages, list):
        raise AnnotationError(f"annotations are a {_kind(pages)}: need a list with an object for each page")
    return [_page(number, page) for number, page in enumerate(pages)]


def _page(number: int, page: Any) -> PageNotes:
    try:
        info = _member(page, "page_info", dict)
        image = _image_name(_member(info, "image_path", str))
    except AnnotationError as error:
        return PageNotes(image=f"page {number}", fault=str(error))
    try:
        category = _member(_member(info, "page_attribute", dict), "data_source", str)
        found = _member(page, "layout_dets", list)
        if len(found) > MAX_PARTS:
            raise AnnotationError(f"layout_dets has {len(found)} parts: at most {MAX_PARTS} are read")
    except AnnotationError as error:
        return PageNotes(image=image, fault=str(error))
    parts, skipped = _parts(found)
    return PageNotes(image=image, category=category[:100], parts=parts, skipped=skipped)


def _member(values: Any, name: str, kind: type) -> Any:
    value = values.get(name) if isinstance(values, dict) else None
    if not isinstance(value, kind):
        shown = f"{value!r:.60}" if isinstance(values, dict) else f"missing in a {_kind(values)}"
        raise AnnotationError(f"{name} is {shown}: need a {kind.__name__}")
    return value


def _kind(value: Any) -> str:
    return type(value).__name__


def _image_name(name: str) -> str:
    """A name inside the folder of images. It comes from outside: none that leads out is followed."""
    parts = name.split("/")
    if not name or name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable():
        raise AnnotationError(f"image_path is {name!r:.80}: need a name inside the folder of images")
    return "/".join(part for part in parts if part not in ("", "."))


def _parts(found: Iterable[Any]) -> tuple[tuple[Part, ...], dict[str, int]]:
    parts: list[Part] = []
    skipped: Counter[str] = Counter()
    for one in found:
        try:
            part = _part(one)
        except AnnotationError as error:
            skipped[str(error)] += 1
            continue
        if part is not None:
            parts.append(part)
    return tuple(parts), dict(sorted(skipped.items()))


def _part(one: Any) -> Part | None:
    """A part with text; None for one that has none to have, such as a figure. Raises AnnotationError."""
    if not isinstance(one, dict):
        raise AnnotationError("part is no object")
    if one.get("category_type") != TEXT_BLOCK and not one.get("text"):
        return None
    text = one.get("text")
    if not isinstance(text, str) or not text.strip():
        raise AnnotationError("text block without a text")
    if len(text) > MAX_CHARS:
        raise AnnotationError(f"text of over {MAX_CHARS} characters")
    is_block = one.get("category_type") == TEXT_BLOCK and one.get("ignore") is not True
    return Part(box_px=_box(one.get("poly")), text=text, is_anchor=is_block and _is_upright(one.get("attribute")))


def _is_upright(attribute: Any) -> bool:
    rotation = attribute.get("text_rotate", "") if isinstance(attribute, dict) else ""
    return rotation in UPRIGHT


def _box(poly: Any) -> tuple[float, float, float, float]:
    if not isinstance(poly, list) or len(poly) != 2 * NUM_CORNERS or not all(map(_is_number, poly)):
        raise AnnotationError("poly is not eight finite numbers")
    across, down = [float(value) for value in poly[0::2]], [float(value) for value in poly[1::2]]
    box = min(across), min(down), max(across), max(down)
    if box[2] - box[0] < 1 or box[3] - box[1] < 1:
        raise AnnotationError("poly is narrower than 1 px")
    return box


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and abs(value) < 1e7 and math.isfinite(value)


def blocks_of(parts: Iterable[Part], width_px: int, height_px: int) -> tuple[list[Block], Counter[str]]:
    """The blocks of an image of this size, and what was left out, by reason.

    A block that reaches over the page's edge is clipped to it; one with less than half of its area on the page is
    left out.
    """
    blocks: list[Block] = []
    skipped: Counter[str] = Counter()
    for part in parts:
        left, top, right, bottom = part.box_px
        whole = Box(left=left, top=top, right=right, bottom=bottom)
        box = whole.clipped(width_px, height_px)
        if box.area < MIN_INSIDE * whole.area:
            skipped[PARTLY_OUTSIDE if box.area else OUTSIDE] += 1
            continue
        language = language_of(part.text)
        blocks.append(
            Block(
                box=box,
                area_px2=whole.area,
                num_chars=size_chars(part.text, language),
                visible_chars=num_chars(part.text),
                language=language,
                text=part.text,
                is_anchor=part.is_anchor,
            )
        )
    return blocks, skipped
