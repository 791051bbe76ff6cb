"""Shaping through ctypes against uharfbuzz's own objects."""

from dataclasses import fields

import numpy as np
import pytest
import uharfbuzz as hb

from fonts.catalog import Catalog, FontFace
from render.shape import Shaper

TEXTS = {
    "en": "AVATAR office fjord — “To wave”, Ta Te fi fl ffi",
    "zh": "中文与 English 混排，角骨直今（2026年）……《说文》",
}


MONO_QUOTES = {"NotoSansMonoCJKsc-Regular": "halt"}  # narrower than its letters by pwid


def with_uharfbuzz(face: FontFace, text: str, language: str, script: str, vertical: bool) -> list[tuple[int, ...]]:
    font = hb.Font(hb.Face(hb.Blob.from_file_path(face.path), face.index))
    font.set_variations(dict(face.axes))
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.direction, buffer.script, buffer.language = "ttb" if vertical else "ltr", script, language
    narrow = [(i, i + 1, True) for i, char in enumerate(text) if char in "‘’“”"]
    feature = MONO_QUOTES.get(face.id, "pwid")
    hb.shape(font, buffer, {feature: narrow} if narrow and language == "en" else {})
    return [
        (i.codepoint, i.cluster, -p.y_advance if vertical else p.x_advance, p.x_offset, p.y_offset)
        for i, p in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    ]


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_glyphs_are_harfbuzz_s(faces: Catalog, language: str, vertical: bool) -> None:
    tag, script = {"en": ("en", "Latn"), "zh": ("zh-hans", "Hani")}[language]
    for face in faces.for_language(language):
        shaped = Shaper(face).shape(TEXTS[language], language, vertical)
        ours = np.stack(
            [shaped.glyph_ids, shaped.clusters, shaped.advances, shaped.x_offsets, shaped.y_offsets], axis=1
        )

        assert [tuple(row) for row in ours.tolist()] == with_uharfbuzz(face, TEXTS[language], tag, script, vertical), (
            face.id
        )


def test_english_has_narrow_quotes_in_chinese_faces_too(faces: Catalog) -> None:
    for face in faces.for_language("zh"):
        if face.family == "Noto Sans CJK SC":
            english, chinese = (Shaper(face).shape("’", language).advances[0] for language in ("en", "zh"))
            assert (english < 400, chinese) == (True, 1000), face.id
            return
    raise AssertionError("no face of that family")


def test_all_characters_of_a_mono_face_are_equally_wide(faces: Catalog) -> None:
    for face in faces.for_language("en", "mono"):
        advances = [Shaper(face).shape(text, "en").advances.tolist() for text in ("iiii", "mmmm", "0.1;", "‘it’s “so”")]
        assert len({width for part in advances for width in part}) == 1, face.id


def test_an_empty_text_has_no_glyphs(faces: Catalog) -> None:
    assert Shaper(faces.faces[0]).shape("", "en").glyph_ids.size == 0


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_beginning_is_what_shaping_it_alone_gives(faces: Catalog, language: str, vertical: bool) -> None:
    text, cut = TEXTS[language], 0
    for face in faces.for_language(language):
        whole = Shaper(face).shape(text, language, vertical)
        for length in range(len(text)):
            part, alone = whole.beginning(length), Shaper(face).shape(text[:length], language, vertical)
            for field in fields(alone) if part else ():
                assert np.array_equal(getattr(part, field.name), getattr(alone, field.name)), (face.id, text[:length])
            cut += part is not None

    assert cut > len(text) * len(faces.for_language(language)) * 0.4


def test_kerned_pairs_and_ligatures_are_shaped_anew(faces: Catalog) -> None:
    whole = Shaper(faces["DejaVuSans"]).shape("AVATAR fi", "en")

    assert whole.beginning(1) is None
    assert whole.beginning(8) is None
    assert whole.beginning(6) is not None
