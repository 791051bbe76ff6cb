"""Text-block crops of pages, resized to 256x256 px so that a character has a stated size: where each is cut.

A character's size is the side of the square it has to itself, sqrt(area of the block / characters). English counts
spaces there, Chinese has none. Positions are px of the page, x right and y down.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.textlines import num_chars

Pixels = NDArray[np.uint8]

CATEGORIES = (
    "book",
    "PPT2PDF",
    "research_report",
    "colorful_textbook",
    "exam_paper",
    "magazine",
    "academic_literature",
    "note",
    "newspaper",
)
CROP_PX = 256
CHAR_PX = {"zh": 16.0, "en": 10.0}  # of a character in the crop
MIN_SIDE_PX = 128  # of the page: less would be enlarged more than twice
MAX_SHIFT = 0.1  # of a crop's side: how far it may be moved so that it lies on the page
MIN_BLOCK_CHARS = 10  # fewer do not tell how large characters are
# Of the fewest characters wanted: a crop with less by the page's own text is not read. Annotations leave tables out (of
# 93 crops of 18 pages 98% were read with at most 1.62 times as many); what OCR finds is all there is (of 154 crops of
# 62 pages 98% with at most 1.16 times).
HOPELESS_ANNOTATED, HOPELESS_FOUND = 0.4, 0.75
COVERED = 0.5  # of the smaller of two crops: this much in common is the same text
LATEX_COMMAND, LATEX_MARKS = re.compile(r"\\[a-zA-Z]+"), re.compile(r"[$\\{}^_]")

TOO_SHORT, NO_LANGUAGE = "block too short to tell its characters' size", "neither English nor Chinese"
OFF_PAGE, SMALL, LARGE = "crop runs off the page", "characters too small on the page", "crop larger than the page"
SPARSE, COVERED_REASON = "too few characters by the page's own text", "covered by a crop that was read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle, px."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def common(self, other: "Box") -> float:
        """The area that both hold."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)

    def clipped(self, width_px: int, height_px: int) -> Self:
        """The part that lies on a page of this size; its area may be 0."""
        return type(self)(
            left=min(max(self.left, 0.0), width_px),
            top=min(max(self.top, 0.0), height_px),
            right=min(max(self.right, 0.0), width_px),
            bottom=min(max(self.bottom, 0.0), height_px),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of text on a page.

    area_px2: what its lines and their leading take. num_chars: as sizes count them, spaces in English too;
    visible_chars: without spaces. is_anchor: whether a crop may begin here; else it is only known to hold text.
    """

    box: Box
    area_px2: float
    num_chars: float
    visible_chars: float
    language: str
    text: str = ""
    is_anchor: bool = True

    @property
    def char_px(self) -> float:
        """The side of a character's square on the page."""
        return float((self.area_px2 / self.num_chars) ** 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A square of a page that begins at a block. reason: why it is none of the benchmark's, "" while it may be.

    expected_chars: how many it holds by what is known of the page's blocks.
    """

    left_px: int
    top_px: int
    side_px: int
    char_px: float  # on the page
    language: str
    expected_chars: float
    block_text: str = ""
    reason: str = ""

    @property
    def box(self) -> Box:
        right, bottom = self.left_px + self.side_px, self.top_px + self.side_px
        return Box(left=self.left_px, top=self.top_px, right=right, bottom=bottom)


def language_of(text: str) -> str:
    """ "zh" where most letters are Han, "en" where most are Latin, else ""."""
    letters = [char for char in text if char.isalpha()]
    han = sum("\u3400" <= char <= "\u9fff" for char in letters)
    latin = sum(char < "\u0250" for char in letters)
    if 2 * han > len(letters):
        return "zh"
    return "en" if 2 * latin > len(letters) else ""


def size_chars(text: str, language: str) -> int:
    """How many characters share a block's area; a LaTeX command is one, its braces none."""
    plain = LATEX_MARKS.sub("", LATEX_COMMAND.sub("x", text))
    return num_chars(plain) if language == "zh" else len(" ".join(plain.split()))


def crops_of(blocks: Sequence[Block], width_px: int, height_px: int) -> list[Crop]:
    """A crop for each anchor, those that cannot be cut with their reason; the fullest first."""
    crops = [_crop(block, blocks, width_px, height_px) for block in blocks if block.is_anchor]
    return sorted(crops, key=lambda crop: (-crop.expected_chars, crop.top_px, crop.left_px, crop.side_px))


def _crop(block: Block, blocks: Sequence[Block], width_px: int, height_px: int) -> Crop:
    long_enough = block.num_chars >= MIN_BLOCK_CHARS and block.area_px2 > 0
    known = long_enough and block.language in CHAR_PX
    side = round(CROP_PX * block.char_px / CHAR_PX[block.language]) if known else 0
    left, right_off = _moved(round(block.box.left), side, width_px)
    top, bottom_off = _moved(round(block.box.top), side, height_px)
    reason = ""
    if not long_enough:
        reason = TOO_SHORT
    elif not known:
        reason = NO_LANGUAGE
    elif side < MIN_SIDE_PX:
        reason = SMALL
    elif side > min(width_px, height_px):
        reason = LARGE
    elif right_off or bottom_off:
        reason = OFF_PAGE
    crop = Crop(
        left_px=left,
        top_px=top,
        side_px=side,
        char_px=block.char_px if known else 0.0,
        language=block.language,
        expected_chars=0.0,
        block_text=block.text,
        reason=reason,
    )
    return crop if reason else _with_expected(crop, blocks)


def _moved(start: int, side: int, length: int) -> tuple[int, bool]:
    """Where a crop begins along one axis, moved back a little where it would run off, and whether it still does."""
    over = max(0, start + side - length)
    return (start - over, False) if over <= MAX_SHIFT * side and start >= over else (start, True)


def _with_expected(crop: Crop, blocks: Sequence[Block]) -> Crop:
    box = crop.box
    expected = sum(block.visible_chars * box.common(block.box) / max(block.box.area, 1.0) for block in blocks)
    return replace(crop, expected_chars=expected)


def read_in_turn(
    crops: Sequence[Crop], min_expected: Mapping[str, float], is_enough: Callable[[Crop], bool]
) -> Iterator[tuple[Crop, str]]:
    """Each crop with the reason not to use it, "" where it was read.

    `is_enough` reads a crop and says whether it holds the text that is wanted. A crop that has half of its area in
    common with an earlier one of those would be the same text again: it is not read. Nor is one with fewer characters
    by the page's own text than `min_expected` has for its language.
    """
    taken: list[Box] = []
    for crop in crops:
        if crop.reason:
            yield crop, crop.reason
        elif crop.expected_chars < min_expected[crop.language]:
            yield crop, SPARSE
        elif any(box.common(crop.box) >= COVERED * min(box.area, crop.box.area) for box in taken):
            yield crop, COVERED_REASON
        else:
            if is_enough(crop):
                taken.append(crop.box)
            yield crop, ""


def cut(rgb: Pixels, crop: Crop) -> Pixels:
    """The crop as (256, 256, 3): smaller by areas, larger by cubic interpolation."""
    part = rgb[crop.top_px : crop.top_px + crop.side_px, crop.left_px : crop.left_px + crop.side_px]
    how = cv2.INTER_AREA if crop.side_px >= CROP_PX else cv2.INTER_CUBIC
    return cv2.resize(part, (CROP_PX, CROP_PX), interpolation=how)  # type: ignore[return-value]
