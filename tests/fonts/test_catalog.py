"""The catalogue on real fonts: the default set, collections, instances, and files that are broken."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

import fonts
from fonts.catalog import Catalog, FontFace, Rejection, load_catalog, open_face, read_file
from fonts.languages import first_level
from fonts.letterforms import stem_em
from fonts.sources import FontFile, default_files

Make = Callable[..., Path]
ASCII = "".join(map(chr, range(0x20, 0x7F)))
DECLARED = tomllib.loads((Path(fonts.__path__[0]) / "default.toml").read_text("utf-8"))


def test_default_set_is_whole_and_serves_every_language(catalog: Catalog) -> None:
    categories = {language: {face.category for face in catalog.for_language(language)} for language in ("en", "zh")}

    assert catalog.rejected == ()
    assert categories["en"] >= {"serif", "sans", "mono"}
    assert categories["zh"] >= {"serif", "sans"}
    assert catalog.for_language("zh-Hant")
    assert [face.id for face in catalog.faces] == sorted({face.id for face in catalog.faces})
    assert not any("SimHei" in face.path for face in catalog.faces)


def test_default_set_writes_the_languages_it_declares(catalog: Catalog) -> None:
    declared = {entry["sha256"]: tuple(entry["languages"]) for entry in DECLARED["face"]}

    assert {face.sha256: face.languages for face in catalog.faces} == declared


def test_declared_licences_agree_with_the_name_tables(catalog: Catalog) -> None:
    said = {face.licence for face in catalog.faces}
    found = {face.id: read_file(FontFile(path=face.path)) for face in catalog.faces}

    assert said == {"OFL-1.1", "Apache-2.0", "Bitstream-Vera"}
    for id, items in found.items():
        for item in items:
            assert isinstance(item, FontFace)
            assert item.licence in ("unknown", catalog[id].licence), id


def test_unknown_id_names_the_remedy(catalog: Catalog) -> None:
    with pytest.raises(KeyError, match="python -m fonts list"):
        catalog["Nowhere-Regular"]


def test_category_narrows_a_language(catalog: Catalog) -> None:
    mono = catalog.for_language("en", "mono")

    assert "DejaVuSansMono" in {face.id for face in mono}
    assert {face.category for face in mono} == {"mono"}


@pytest.mark.usefixtures("own_cache")
def test_a_face_found_twice_counts_once(catalog: Catalog) -> None:
    path = catalog["DejaVuSans"].path

    assert [face.id for face in load_catalog((path, path)).faces] == ["DejaVuSans"]


@pytest.mark.usefixtures("own_cache")
def test_files_that_share_a_name_get_ids_of_their_own(make_subset: Make) -> None:
    first = make_subset("DejaVuSans", ASCII, "first.ttf")
    second = make_subset("DejaVuSans", ASCII + "é", "second.ttf")
    ids = [face.id for face in load_catalog((str(first), str(second))).faces]

    assert ids[0] == "DejaVuSans"
    assert ids[1].startswith("DejaVuSans~")


@pytest.mark.usefixtures("own_cache")
def test_a_collection_gives_a_face_for_each_index(make_subset: Make, collect: Make) -> None:
    serif, mono = make_subset("DejaVuSerif", ASCII, "a.ttf"), make_subset("DejaVuSansMono", ASCII, "b.ttf")
    faces = load_catalog((str(collect(serif, mono)),)).faces

    assert [(face.id, face.index, face.category) for face in faces] == [
        ("DejaVuSansMono#1", 1, "mono"),
        ("DejaVuSerif#0", 0, "serif"),
    ]
    assert [open_face(face).family_name for face in faces] == [b"DejaVu Sans Mono", b"DejaVu Serif"]


@pytest.mark.usefixtures("own_cache")
def test_regional_forms_decide_the_languages_in_a_collection(make_boxes: Make, collect: Make) -> None:
    han = sorted({*first_level("zh").tolist(), *first_level("zh-Hant").tolist()})
    codes = {code: width for width, code in enumerate(han, 1)}
    paths = [make_boxes(codes, f"Boxes {region}", f"{region}.ttf") for region in ("JP", "SC", "TC")]
    loaded = load_catalog((str(collect(*paths)),))
    alone = load_catalog((str(paths[1]),))

    assert {face.index: face.languages for face in loaded.faces} == {1: ("zh",), 2: ("zh-Hant",)}
    assert [(item.index, item.reason[:9]) for item in loaded.rejected] == [(0, "region: J")]
    assert alone.faces[0].languages == ("zh", "zh-Hant")


def test_instances_of_a_variable_face_differ_in_weight(catalog: Catalog) -> None:
    faces = [catalog[f"Manrope@wght={weight}"] for weight in (300, 400, 700)]
    light, regular, bold = (stem_em(open_face(face)) for face in faces)

    assert [face.style for face in faces] == ["Light", "Regular", "Bold"]
    assert [face.weight for face in faces] == [300, 400, 700]
    assert light < 0.9 * regular < 0.8 * bold


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("num_bytes", [0, 3, 100, 5_000, 100_000])
def test_a_truncated_file_is_named_and_the_others_stay(
    num_bytes: int, tmp_path: Path, make_subset: Make, catalog: Catalog
) -> None:
    make_subset("DejaVuSerif", ASCII, "good.ttf")
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(Path(catalog["DejaVuSans"].path).read_bytes()[:num_bytes])
    loaded = load_catalog((str(tmp_path),))

    assert [face.id for face in loaded.faces] == ["DejaVuSerif"]
    assert [item.path for item in loaded.rejected] == [str(broken)]
    assert loaded.rejected[0].reason


@pytest.mark.usefixtures("own_cache")
def test_damage_anywhere_in_a_file_never_raises(tmp_path: Path, make_subset: Make) -> None:
    content = bytearray(make_subset("DejaVuSans", ASCII).read_bytes())
    path = tmp_path / "damaged.ttf"
    for offset in range(12, len(content), len(content) // 40):
        damaged = content[:offset] + bytes(b ^ 0xFF for b in content[offset : offset + 8]) + content[offset + 8 :]
        path.write_bytes(damaged)
        items = read_file(FontFile(path=str(path)))

        assert len(items) == 1


@pytest.mark.usefixtures("own_cache")
def test_a_file_other_than_the_declared_one_is_not_used(tmp_path: Path, catalog: Catalog) -> None:
    entry = next(entry for entry in DECLARED["face"] if entry["file"].endswith("/DejaVuSans.ttf"))
    [right] = default_files({**DECLARED, "face": [entry]})
    [wrong] = default_files({**DECLARED, "face": [{**entry, "sha256": "0" * 64}]})
    [rejection] = read_file(wrong)

    assert isinstance(read_file(right)[0], FontFace)
    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith(f"sha256 {catalog['DejaVuSans'].sha256[:12]}")
    assert "pip install --force-reinstall 'matplotlib==" in rejection.reason


def test_a_missing_package_is_named_with_the_command(own_cache: Path) -> None:
    entry = {**DECLARED["face"][0], "distribution": "no-such-fonts"}
    [file] = default_files({"version": {"no-such-fonts": "1.2"}, "face": [entry]})
    [rejection] = read_file(file)

    assert isinstance(rejection, Rejection)
    assert "pip install 'no-such-fonts==1.2'" in rejection.reason


@pytest.mark.usefixtures("own_cache")
def test_no_face_left_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "note.ttf").write_text("not a font")

    with pytest.raises(ValueError, match=r"no usable face \(1 rejected: note.ttf: unreadable"):
        load_catalog((str(tmp_path),))


def test_proprietary_file_beside_the_default_ones_is_rejected(catalog: Catalog) -> None:
    path = Path(catalog["NotoSansCJKsc-Regular"].path).parent / "SimHei.ttf"
    if not path.is_file():
        pytest.skip("this release of mplfonts has no SimHei.ttf")
    [item] = read_file(FontFile(path=str(path)))

    assert isinstance(item, Rejection)
    assert item.reason == "proprietary: SimHei is not free"


@pytest.mark.parametrize(
    ("field", "value"),
    [("category", "gothic"), ("languages", ("fr",)), ("languages", ()), ("weight", 0), ("id", "")],
)
def test_a_face_names_the_field_that_is_wrong(catalog: Catalog, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        replace(catalog.faces[0], **{field: value})  # type: ignore[arg-type]


@pytest.mark.usefixtures("own_cache")
def test_a_renamed_family_changes_the_file_and_the_id(tmp_path: Path, make_subset: Make) -> None:
    path = make_subset("DejaVuSans", ASCII)
    before = load_catalog((str(path),)).faces[0]
    with TTFont(path) as font:
        font["name"].setName("Renamed", 6, 3, 1, 0x409)
        font["name"].setName("Renamed", 6, 1, 0, 0)
        font.save(path)
    after = load_catalog((str(path),)).faces[0]

    assert (before.id, after.id) == ("DejaVuSans", "Renamed")
    assert before.sha256 != after.sha256
