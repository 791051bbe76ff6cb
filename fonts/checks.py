"""One function for each reason to reject a face: it returns what is wrong, or "" where nothing is."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import freetype
import numpy as np
from fontTools import agl
from fontTools.ttLib import TTFont
from numpy.typing import NDArray

from fonts.describe import name_of, split_words
from fonts.letterforms import likeness_of_cases, share_of_letters, stem_em

_PROPRIETARY = re.compile(
    r"\b(Sim(Hei|Sun|Kai|Fang|Li|You)|NSimSun|Microsoft (Ya|Jheng)Hei|FZ[A-Z]\w+|ST(Hei|Song|Kai)|DFKai)"
    r"|^(黑体|宋体|楷体|仿宋)$|微软|方正|华文"
)
_SYMBOLS = re.compile(r"\b(Symbols?|Dingbats|\w*dings|Icons?|Awesome|Emoji|Bar ?code|Last ?Resort)\b", re.IGNORECASE)

_NAMED = tuple(char for char in map(chr, range(0x21, 0x7F)) if char not in "`^~-")  # names of these vary in good faces


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A face under judgement: its tables, its FreeType face, and what is known of it by now."""

    font: TTFont
    face: freetype.Face
    codes: NDArray[np.uint32]  # sorted code points that it draws
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A reason to reject a face."""

    id: str
    rationale: str
    source: str
    run: Callable[[Candidate], str]


CHECKS: list[Check] = []


def check(id: str, rationale: str, source: str) -> Callable[[Callable[[Candidate], str]], Callable[[Candidate], str]]:
    """Enter a function into CHECKS."""

    def enter(run: Callable[[Candidate], str]) -> Callable[[Candidate], str]:
        CHECKS.append(Check(id=id, rationale=rationale, source=source, run=run))
        return run

    return enter


def reason_to_reject(candidate: Candidate) -> str:
    """The first failing check as "id: what is wrong", or ""."""
    for item in CHECKS:
        wrong = item.run(candidate)
        if wrong:
            return f"{item.id}: {wrong}"
    return ""


@check(
    id="proprietary",
    rationale="The pictures are published, and the makers of these families sell the right to do that.",
    source="terms of Microsoft, Founder (FZ), SinoType (ST), DynaComware; mplfonts ships SimHei regardless",
)
def proprietary(candidate: Candidate) -> str:
    family = name_of(candidate.font, 16, 1, 4)
    return f"{family} is not free" if _PROPRIETARY.search(family) else ""


@check(
    id="embedding",
    rationale="The file itself forbids its use in documents.",
    source="OpenType OS/2 fsType, bit 1: restricted licence embedding",
)
def embedding(candidate: Candidate) -> str:
    fs_type = candidate.font["OS/2"].fsType if "OS/2" in candidate.font else 0
    return f"fsType {fs_type} restricts embedding" if fs_type & 0xF == 2 else ""


@check(
    id="symbols",
    rationale="Pictures under the code points of letters: the label would be wrong.",
    source="OpenType OS/2 Panose family 5, Latin Symbol; the usual names",
)
def symbols(candidate: Candidate) -> str:
    family = name_of(candidate.font, 16, 1, 4)
    panose = getattr(candidate.font["OS/2"], "panose", None) if "OS/2" in candidate.font else None
    if _SYMBOLS.search(split_words(family)) or (panose and panose.bFamilyType == 5):
        return f"{family} draws symbols"
    return ""


@check(
    id="unicode",
    rationale="Without a Unicode cmap no text can be mapped to glyphs: symbol fonts, old mathematics fonts.",
    source="OpenType cmap: platform 0, or 3 with encoding 1 or 10",
)
def unicode_cmap(candidate: Candidate) -> str:
    subtables = candidate.font["cmap"].tables if "cmap" in candidate.font else []
    return "" if any(subtable.isUnicode() for subtable in subtables) else "no Unicode cmap"


@check(
    id="encoding",
    rationale="A glyph whose own name is another character's: its drawing is not what the label says.",
    source="Adobe Glyph List; TeX's faces with a Unicode cmap: > is questiondown, { is emdash",
)
def encoding(candidate: Candidate) -> str:
    cmap = candidate.font.getBestCmap() or {}
    for char in _NAMED:
        name = cmap.get(ord(char), "")
        meant = unicodedata.normalize("NFC", agl.toUnicode(name))  # ; is the Greek question mark, too
        if meant and meant != char:
            return f"its {char} is the glyph {name}"
    return ""


@check(
    id="scalable",
    rationale="A face of colour bitmaps, or of bitmaps alone, cannot be drawn at sizes of our choice.",
    source="FreeType FT_IS_SCALABLE",
)
def scalable(candidate: Candidate) -> str:
    return "" if candidate.face.is_scalable else "bitmaps only, no outlines"


@check(
    id="languages",
    rationale="A face that writes neither English nor Chinese is of no use: symbols, other scripts, subsets.",
    source="ASCII; GB2312 and Big5 level 1",
)
def languages(candidate: Candidate) -> str:
    if candidate.languages:
        return ""
    return f"draws {len(candidate.codes)} characters, but no whole ASCII and no Chinese"


@check(
    id="metrics",
    rationale="The em is our size: a face whose characters are tiny or huge in it would be labelled wrongly.",
    source="capital H of the faces in use stands .6 to .75 em high; OpenType unitsPerEm 16 to 16384",
)
def metrics(candidate: Candidate) -> str:
    face = candidate.face
    if not 16 <= face.units_per_EM <= 16384:
        return f"unitsPerEm is {face.units_per_EM}"
    line_em = (face.ascender - face.descender) / face.units_per_EM
    if not 0.5 <= line_em <= 4:
        return f"ascender to descender is {line_em:.2f} em"
    letter = "H" if "en" in candidate.languages else "中"
    face.load_char(letter, freetype.FT_LOAD_NO_SCALE)
    height_em = face.glyph.metrics.height / face.units_per_EM
    return "" if 0.35 <= height_em <= 1.2 else f"{letter} stands {height_em:.2f} em high"


@check(
    id="advances",
    rationale="Letters without an advance print on top of each other.",
    source="OpenType hmtx",
)
def advances(candidate: Candidate) -> str:
    if "en" not in candidate.languages:
        return ""
    face = candidate.face
    for letter in "aio":
        face.load_char(letter, freetype.FT_LOAD_NO_SCALE)
        if not 0.05 <= face.glyph.metrics.horiAdvance / face.units_per_EM <= 2:
            return f"{letter} advances {face.glyph.metrics.horiAdvance / face.units_per_EM:.2f} em"
    return ""


@check(
    id="case",
    rationale="A label says what was drawn: not where capitals, or one block, stand for small letters.",
    source="faces of capitals or small capitals, Redacted, Flow; measured: print .2 to .57, capitals near 1",
)
def case(candidate: Candidate) -> str:
    likeness = likeness_of_cases(candidate.face) if "en" in candidate.languages else 0.0
    return "" if likeness <= 0.7 else f"small letters have the shape of capitals ({likeness:.2f})"


@check(
    id="forms",
    rationale="What lacks the holes of letters (o one, B two) is dingbats, bars or hairlines that vanish.",
    source="measured: dingbats .49, the freest handwriting .65, print .8 to 1",
)
def forms(candidate: Candidate) -> str:
    share = share_of_letters(candidate.face) if "en" in candidate.languages else 1.0
    return "" if share >= 0.55 else f"{share:.0%} of the letters have the form of letters"


@check(
    id="stroke",
    rationale="A hairline covers so little of a pixel at 5 to 20 px that nobody can read it.",
    source="measured stems: Thin and Hairline weights under .035 em, Light ones .045 and more",
)
def stroke(candidate: Candidate) -> str:
    stem = stem_em(candidate.face) if "en" in candidate.languages else 1.0
    return "" if stem >= 0.035 else f"the stem of l is {stem:.3f} em thick"
