"""Each reason to reject a face, on a real file that has it, or on a default face changed to have it."""

import string
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from fonts.catalog import FontFace, Rejection, read_file
from fonts.checks import CHECKS
from fonts.sources import FontFile

Make = Callable[..., Path]
ASCII = "".join(map(chr, range(0x20, 0x7F)))

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def path(make_subset: Make) -> Path:
    """DejaVu Sans with ASCII alone: nothing is wrong with it."""
    return make_subset("DejaVuSans", ASCII)


def _reason(path: Path) -> str:
    """The id of the check that rejects the file's first face; "" where none does."""
    item = read_file(FontFile(path=str(path)))[0]
    return item.reason.split(":")[0] if isinstance(item, Rejection) else ""


def _scale(font: TTFont, letters: str, factor: float, shape_of: Callable[[str], str] = str) -> None:
    """Give letters the outline of `shape_of(letter)`, scaled."""
    glyphs, cmap = font.getGlyphSet(), font.getBestCmap()
    made = {}
    for letter in letters:
        outline, pen = DecomposingRecordingPen(glyphs), TTGlyphPen(None)
        glyphs[cmap[ord(shape_of(letter))]].draw(outline)
        outline.replay(TransformPen(pen, (factor, 0, 0, factor, 0, 0)))
        made[cmap[ord(letter)]] = pen.glyph()
    for name, glyph in made.items():
        font["glyf"][name] = glyph


def _change(path: Path, change: Callable[[TTFont], None]) -> Path:
    with TTFont(path) as font:
        change(font)
        font.save(path)
    return path


def test_a_good_face_passes(path: Path) -> None:
    assert isinstance(read_file(FontFile(path=str(path)))[0], FontFace)


def test_every_check_explains_itself() -> None:
    assert len({item.id for item in CHECKS}) == len(CHECKS)
    assert all(item.rationale and item.source for item in CHECKS)


@pytest.mark.parametrize("family", ["SimHei", "FZShuSong", "Microsoft YaHei", "STKaiti"])
def test_proprietary(path: Path, family: str) -> None:
    def rename(font: TTFont) -> None:
        font["name"].names = []
        font["name"].setName(family, 1, 3, 1, 0x409)

    assert _reason(_change(path, rename)) == "proprietary"


@pytest.mark.parametrize(("fs_type", "reason"), [(2, "embedding"), (0, ""), (4, ""), (8, ""), (0x100, "")])
def test_embedding(path: Path, fs_type: int, reason: str) -> None:
    assert _reason(_change(path, lambda font: setattr(font["OS/2"], "fsType", fs_type))) == reason


def test_unicode(path: Path) -> None:
    def keep_mac_roman(font: TTFont) -> None:
        font["cmap"].tables = [table for table in font["cmap"].tables if table.platformID == 1]

    assert _reason(_change(path, keep_mac_roman)) == "unicode"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("STIXNonUni.ttf", "languages"),
        ("DejaVuSansDisplay.ttf", "languages"),
        ("LastResortHE-Regular.ttf", "symbols"),
        ("cmex10.ttf", "encoding"),
        ("cmr10.ttf", "encoding"),  # letters like any other's, but > is ¿
        ("DejaVuSans.ttf", ""),
    ],
)
def test_real_symbol_fonts(name: str, reason: str) -> None:
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    if not path.is_file():
        pytest.skip(f"this release of matplotlib has no {name}")

    assert _reason(path) == reason


def test_symbols_by_panose(path: Path) -> None:
    assert _reason(_change(path, lambda font: setattr(font["OS/2"].panose, "bFamilyType", 5))) == "symbols"


@pytest.mark.parametrize("factor", [0.4, 1.9])
def test_metrics(path: Path, factor: float) -> None:
    def scale(font: TTFont) -> None:
        _scale(font, ASCII.strip(), factor)

    assert _reason(_change(path, scale)) == "metrics"


def test_metrics_of_the_line(path: Path) -> None:
    assert _reason(_change(path, lambda font: setattr(font["hhea"], "ascent", 20_000))) == "metrics"


def test_advances(path: Path) -> None:
    def flatten(font: TTFont) -> None:
        font["hmtx"].metrics = {name: (0, bearing) for name, (_, bearing) in font["hmtx"].metrics.items()}

    assert _reason(_change(path, flatten)) == "advances"


@pytest.mark.parametrize("factor", [1.0, 0.75])
def test_case_of_capitals_and_of_small_capitals(path: Path, factor: float) -> None:
    def capitals(font: TTFont) -> None:
        _scale(font, string.ascii_lowercase, factor, str.upper)

    assert _reason(_change(path, capitals)) == "case"


def test_forms_of_dingbats(path: Path) -> None:
    """Every letter is drawn as a sign of punctuation."""

    def disguise(font: TTFont) -> None:
        signs = "%&@#$?!/=*+;:<>^" * 4
        _scale(font, string.ascii_letters, 1.0, lambda letter: signs[string.ascii_letters.index(letter)])

    assert _reason(_change(path, disguise)) == "forms"


def test_stroke(path: Path) -> None:
    """The l is thinned to a hairline; every other letter stays."""

    def thin(font: TTFont) -> None:
        _scale(font, "l", 0.1)

    assert _reason(_change(path, thin)) == "stroke"
