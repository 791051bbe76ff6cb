"""The columns about text, and their values from lines that were read, all of them or a sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.ocr import Quads
from curate.scorers import column
from curate.textlines import Line, area_share, languages, line_sizes, num_chars, reading_order

NONE, DETECTED, SAMPLED, READ = "none", "detected", "sampled", "read"
STAGES = (NONE, DETECTED, SAMPLED, READ)

LINE = pa.struct([("text", pa.string()), ("quad_px", pa.list_(pa.list_(pa.float32(), 2), 4))])
SHARE = pa.struct([("language", pa.string()), ("share", pa.float32())])
WHERE_READ = 'null where text_stage is "sampled"'
SCHEMA = pa.schema(
    [
        column("ocr_chars", pa.int32(), "characters without spaces; count; 0 up; higher: more text; OCR, estimated "
               'from a sample of lines where text_stage is "sampled"'),
        column("ocr_chars_per_mpx", pa.float32(), "ocr_chars over the picture's megapixels; characters a Mpx; 0 up; "
               "higher: denser text; OCR"),
        column("text_area", pa.float32(), "the share of the picture inside boxes of text, overlaps once; share; 0 to "
               "1; higher: more text; OCR detection"),
        column("char_px", pa.float32(), "median height of the ink of lines, about .95 of the em in Chinese and .75 in "
               "English; px; above 0, null without text; higher: larger letters; rows of the lines read"),
        column("num_lines", pa.int32(), "lines of text; count; 0 up; higher: more text; OCR detection"),
        column("languages", pa.list_(SHARE), "languages of the letters read, by script alone (en: Latin), and their "
               "shares of the letters; share; 0.1 to 1; largest first; OCR"),
        column("ocr_confidence", pa.float32(), "mean confidence of the lines read, weighted by their characters; "
               "score; 0 to 1, null where none was read; higher: more legible; OCR"),
        column("ocr_text", pa.string(), f"lines in reading order, one a line; text; {WHERE_READ}; OCR"),
        column("ocr_lines", pa.list_(LINE), f"the lines of ocr_text with their corners, clockwise from the top left; "
               f"px of the picture; {WHERE_READ}; OCR"),
        column("text_stage", pa.string(), "how far reading went; one word: none (no line found), detected (boxes, but "
               "no text in those read), sampled (some lines read, the rest estimated), read (all); OCR"),
    ]
)  # fmt: skip


def no_text(stage: str) -> dict[str, Any]:
    """The row of a picture without text."""
    counts = {"ocr_chars": 0, "ocr_chars_per_mpx": 0.0, "text_area": 0.0, "num_lines": 0}
    nothing: dict[str, Any] = {
        "char_px": None,
        "languages": [],
        "ocr_confidence": None,
        "ocr_text": "",
        "ocr_lines": [],
    }
    return counts | nothing | {"text_stage": stage}


def measured(lines: Sequence[Line], width_px: int, height_px: int) -> dict[str, Any]:
    """The row of a picture all of whose lines (one at least) were read."""
    quads = np.array([line.quad for line in lines], np.float32)
    lines = [lines[i] for i in reading_order(quads)]
    chars = sum(num_chars(line.text) for line in lines)
    return _of_read(lines) | {
        "ocr_chars": chars,
        "ocr_chars_per_mpx": chars / (width_px * height_px / 1e6),
        "text_area": area_share(quads, width_px, height_px),
        "num_lines": len(lines),
        "ocr_text": "\n".join(line.text for line in lines),
        "ocr_lines": [{"text": line.text, "quad_px": line.quad.tolist()} for line in lines],
        "text_stage": READ,
    }


def estimated(quads: Quads, pieces: Sequence[Line | None], width_px: int, height_px: int) -> dict[str, Any]:
    """The row of a picture of whose lines `choose_pieces` chose some; a piece that is no text is None."""
    real = [piece for piece in pieces if piece is not None]
    if not real:
        return no_text(DETECTED)
    lengths, _ = line_sizes(quads)
    read, _ = line_sizes(np.array([piece.quad for piece in real], np.float32))
    chars_per_px = float((np.array([num_chars(piece.text) for piece in real]) / read).sum() / len(pieces))
    chars = chars_per_px * float(lengths.sum())
    share = len(real) / len(pieces)  # of the lines' length
    return _of_read(real) | {
        "ocr_chars": round(chars),
        "ocr_chars_per_mpx": chars / (width_px * height_px / 1e6),
        "text_area": area_share(quads, width_px, height_px) * share,
        "num_lines": max(1, round(len(quads) * share)),
        "ocr_text": None,
        "ocr_lines": None,
        "text_stage": SAMPLED,
    }


def _of_read(lines: Sequence[Line]) -> dict[str, Any]:
    """What the lines that were read say alike, whether they are all or a sample."""
    shares = languages(" ".join(line.text for line in lines))
    chars = [num_chars(line.text) for line in lines]
    return {
        "char_px": float(np.median([line.ink_px for line in lines])),
        "languages": [{"language": name, "share": share} for name, share in shares.items()],
        "ocr_confidence": float(np.average([line.confidence for line in lines], weights=chars)),
    }
