"""The text step against Pillow: the same lines in the same face, by blit alone and with wrapping and shaping."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fonts.catalog import Catalog, load_catalog
from render import typeset as typesetting
from render.blit import blit
from render.glyphs import Instance, Masks
from render.scene import Block
from render.typeset import Typeset, fit, typeset

PAGE_PX = 512
PAGES = {"en": ("DejaVuSans", 10.0, 1.0, 4900), "zh": ("NotoSansCJKsc-Regular", 16.0, 1.0, 1000)}
ROUNDS = 9


def cpu_ms(work: Callable[[], object], repeats: int = 20) -> float:
    """CPU milliseconds of one call: the fastest of several rounds, since others share the machine."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(repeats):
            work()
        rounds.append((time.process_time() - began) / repeats * 1e3)
    return min(rounds)


def texts(language: str, num_chars: int) -> Iterator[str]:
    """Different running texts of a real corpus, without end."""
    folder = Path(os.environ["SMALLPRINT_DATA"], "corpora", {"en": "en", "zh": "zh-hans"}[language])
    name = {"en": "prose-pride-and-prejudice.txt", "zh": "wiki-cmrc2018.txt"}[language]
    text = " ".join((folder / name).read_text("utf-8")[20_000:].split())
    text = "".join(c for c in text if c == " " or "!" <= c <= "~" or "\u3000" <= c <= "\u9fff")
    start = 0
    while True:
        yield text[start : start + num_chars]
        start = (start + 1009) % (len(text) - num_chars)


def measure(language: str) -> dict[str, float]:
    """Milliseconds a page of 512 px: blit alone, wrap + shape + blit of unseen text, and Pillow's drawing."""
    faces = load_catalog()
    face, size_px, leading, num_chars = PAGES[language]
    source = texts(language, num_chars)
    frame = (4.0, 4.0, PAGE_PX - 8.0, PAGE_PX - 8.0)

    def block_of(text: str) -> Block:
        return Block(text=text, frames=(frame,), face=face, size_px=size_px, language=language, leading=leading)

    block, done = fit(block_of(next(source)), faces)
    canvas = np.random.default_rng(0).integers(0, 255, (PAGE_PX, PAGE_PX, 3), np.uint8)
    masks = Masks(Instance(face=faces[face], size_px=size_px))
    for _ in range(300):  # warm glyphs, as Pillow's are
        unseen = typeset(block_of(next(source)), faces)
        masks.at(unseen.glyph_ids, unseen.x, unseen.y)

    def fresh() -> None:
        typesetting._memo.clear()  # each text is new, so nothing kept by the shaper is found either
        _draw(canvas, masks, typeset(block_of(next(source)), faces))

    return {
        "characters": float(len(block.text)),
        "blit": cpu_ms(lambda: _draw(canvas, masks, done)),
        "wrap, shape, blit": cpu_ms(fresh),
        "pillow": cpu_ms(_pillow(faces, face, size_px, done), 2),
    }


def _draw(canvas: np.ndarray, masks: Masks, done: Typeset) -> None:
    placed = masks.at(done.glyph_ids, done.x, done.y)
    inks = np.full((len(done.x), 3), 255, np.uint8)
    blit(canvas, masks.atlas, placed, inks, (np.int32(255), 0))


def _pillow(faces: Catalog, face: str, size_px: float, done: Typeset) -> Callable[[], None]:
    font = ImageFont.truetype(faces[face].path, size_px, layout_engine=ImageFont.Layout.RAQM)
    draw = ImageDraw.Draw(Image.new("RGB", (PAGE_PX, PAGE_PX)))
    lines = list(zip(done.texts, done.starts.tolist(), done.across.tolist(), strict=True))

    def page() -> None:
        for text, x, y in lines:
            draw.text((x, y), text, font=font, fill=(255, 255, 255), anchor="ls")

    return page
