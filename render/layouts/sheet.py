"""A page being filled: blocks in reading order, and the shapes beneath them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fonts.catalog import FontFace
from render.layouts.box import Box
from render.layouts.style import TextStyle, style_of
from render.page import Draft, Page
from render.scene import Block, Frame, Shape
from render.typeset import Typeset
from render.writers.draws import Draws

_SCALES = (1.25, 1.5, 1.75, 2.0)  # few, so that pages of one style share glyphs


class Sheet:
    """What a layout writes on."""

    def __init__(self, page: Page, rng: np.random.Generator) -> None:
        self.page, self.rng = page, rng
        self.draws = Draws(rng)
        self.em = page.size_px
        self.blocks: list[Block] = []
        self.shapes: list[Shape] = []
        self.stock: dict[str, str] = {}  # running text written ahead, by face

    def uniform(self, low: float, high: float) -> float:
        """A number between low and high, in hundredths."""
        return round(low + (high - low) * self.draws.fraction(), 2)

    def margins(self, low: float = 0.02, high: float = 0.09) -> Box:
        """The page without its margins: shares of the shorter side, never less than half an em and 2 px."""
        page = Box(0.0, 0.0, self.page.width_px, self.page.height_px)
        side = min(page.width, page.height)
        least = 0.5 * self.em + 2
        return page.inset(max(least, side * self.uniform(low, high)), max(least, side * self.uniform(low, high)))

    def body(self, low: float = 1.15, high: float = 1.6) -> TextStyle:
        """The style of the body text, at a leading between low and high em."""
        return self.style(self.page.body, 1.0, "body", self.uniform(low, high))

    def heading(self, factor: float = 0.0) -> TextStyle:
        """A style for headings; one of a few sizes unless a factor is given."""
        return self.style(self.page.display, factor or self.draws.pick(_SCALES), "heading", self.uniform(1.1, 1.35))

    def small(self, role: str = "small", leading: float = 1.3) -> TextStyle:
        """The body face, smaller where the band allows it."""
        return self.style(self.page.body, 0.8, role, leading)

    def style(self, face: FontFace, factor: float, role: str, leading: float) -> TextStyle:
        """Any style at `factor` times the body size."""
        return style_of(self.page, face, factor, role, leading)

    def text(self, text: str, boxes: Sequence[Box], style: TextStyle) -> Typeset | None:
        """Set text that runs from box to box, as much as fits; None where nothing does."""
        em = style.size_px
        wide, high = (1, 2) if style.vertical else (2, 1)
        boxes = [box for box in boxes if box.width >= wide * em and box.height >= high * em]
        if not boxes or not text.strip():
            return None
        narrowest = min(box.height if style.vertical else box.width for box in boxes)
        if style.indent > 0 and narrowest < (style.indent + 4) * em:
            style = replace(style, indent=0.0)
        return self._add(*self.page.fit(style.block(text, [box.frame for box in boxes])))

    def cells(self, texts: Sequence[str], frames: Sequence[Frame], style: TextStyle) -> Typeset | None:
        """Set each text in a frame of its own; those that are blank or do not fit are left out."""
        pairs = [(text, frame) for text, frame in zip(texts, frames, strict=False) if text.strip()]
        while pairs:
            block = style.block("\n".join(text for text, _ in pairs), [frame for _, frame in pairs], "each")
            fitted, done = self.page.fit(block)
            kept = [(text, frame) for text, (_, frame) in zip(fitted.text.split("\n"), pairs, strict=False) if text]
            if len(kept) == len(pairs):
                return self._add(fitted, done)
            pairs = kept
        return None

    def _add(self, block: Block, done: Typeset) -> Typeset | None:
        if len(done.lines):
            self.blocks.append(block)
        return done if len(done.lines) else None

    def rule(self, x: float, y: float, width: float, height: float, tone: str = "ink") -> None:
        """A filled line or bar."""
        self._shape("rule", Box(x, y, width, height), tone)

    def bars(self, boxes: Sequence[Box], tone: str) -> None:
        """Filled bars of one colour."""
        first = len(self.shapes)
        for box in boxes:
            self.rule(box.x, box.y, box.width, box.height, tone)
        self.shapes[first:] = [replace(shape, group=first + 1) for shape in self.shapes[first:]]

    def frame(self, box: Box, line_px: float = 1.0, radius_px: float = 0.0, tone: str = "ink") -> None:
        """An outline."""
        self._shape("frame", box, tone, line_px, radius_px)

    def plate(self, box: Box, radius_px: float = 0.0) -> None:
        """A filled ground for text, on pages that may have plates."""
        if self.page.plates:
            self._shape("plate", box, "plate", 1.0, radius_px)

    def _shape(self, kind: str, box: Box, tone: str, line_px: float = 1.0, radius_px: float = 0.0) -> None:
        shape = Shape(
            kind=kind,
            x=round(box.x, 2),
            y=round(box.y, 2),
            width=round(box.width, 2),
            height=round(box.height, 2),
            radius_px=round(radius_px, 2),
            line_px=line_px,
            tone=tone,
        )
        self.shapes.append(shape)

    def draft(self) -> Draft:
        """What has been set."""
        return Draft(tuple(self.blocks), tuple(self.shapes))
