"""Settings: the spellings of the command line, recipe files with overrides, and errors that say what to do."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.curation.curating import parse_command
from pipelines.recipe_files import RECIPES
from pipelines.settings import Execution, Inputs, Settings, load_settings, parse_settings
from render.mix import Mix
from render.recipe import Recipe


def parse(line: str = "") -> Settings:
    return parse_settings(line.split(), "description", "render.py")


def recipe_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_command_line_parses() -> None:
    settings = parse(
        "--size-px 5 20 --languages en=0.5,zh=0.5 --image-size 512 768x512 "
        "--photos A B --fonts X --corpus C --num-images 20000 --out OUT --words"
    )

    assert settings.recipe.size_px == (5.0, 20.0)
    assert settings.recipe.languages == Mix.of({"en": 0.5, "zh": 0.5})
    assert settings.recipe.sizes() == ((512, 512), (768, 512))
    assert settings.recipe.words
    assert settings.inputs.photos == ("A", "B")
    assert settings.inputs.fonts == ("X",)
    assert settings.inputs.corpus == ("C",)
    assert settings.inputs.num_images == 20000
    assert settings.execution.out == "OUT"


@pytest.mark.parametrize("words", ["en=0.5,zh=0.5", "en=0.5 zh=0.5", "en:0.5,zh:0.5"])
def test_shares_may_be_written_in_several_ways(words: str) -> None:
    assert parse(f"--languages {words}").recipe.languages == Mix.of({"en": 0.5, "zh": 0.5})


def test_without_flags_the_default_recipe_holds() -> None:
    assert parse() == load_settings("default")
    assert parse().recipe.name == "default"


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_of_the_package_loads(name: str) -> None:
    assert load_settings(name).recipe.name == name


@pytest.mark.parametrize("flag", ["--recipe {}", "--recipe={}"])
def test_flags_override_a_recipe_file(tmp_path: Path, flag: str) -> None:
    path = recipe_file(tmp_path, "bands: {5-7: 1, 7-10: 3}\nlanguages: zh\nseed: 7\nimage_size: ['256']\n")
    settings = parse(f"{flag.format(path)} --seed 8 --languages en")

    assert settings.recipe.name == "mine"
    assert settings.recipe.bands == Mix.of({"5-7": 1.0, "7-10": 3.0})
    assert settings.recipe.image_size == ("256",)
    assert settings.recipe.languages == Mix.of({"en": 1.0})
    assert settings.inputs.seed == 8


@pytest.mark.parametrize(("written", "meant"), [("num_image", "num_images"), ("langages", "languages")])
def test_an_unknown_field_is_named_with_a_suggestion(tmp_path: Path, written: str, meant: str) -> None:
    path = recipe_file(tmp_path, f"{written}: 3\n")
    with pytest.raises(ValueError, match=rf"no field '{written}'; did you mean '{meant}'"):
        load_settings(path)
    with pytest.raises(SystemExit, match=rf"render\.py: .*no field '{written}'"):
        parse(f"--recipe {path}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_images: many", r"mine\.yaml: .*num_images"),
        ("languages: {fr: 1}", r"languages names 'fr': choose from en, zh, zh-Hant"),
        ("bands: {5-7: -1}", r"share of '5-7' is -1\.0: give a number of at least 0"),
        ("- a", r"mine\.yaml holds a list: write `field: value` lines"),
    ],
)
def test_a_bad_recipe_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_settings(recipe_file(tmp_path, text))


def test_a_recipe_is_the_one_that_it_is_based_on_but_for_its_own_fields(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("base: f32\nname: mine\n")
    (tmp_path / "yours.yaml").write_text("base: mine.yaml\nstyle_block: 2\n")
    mine, yours, f32 = (
        load_settings(str(name)).recipe for name in (tmp_path / "mine.yaml", tmp_path / "yours.yaml", "f32")
    )

    assert mine == replace(f32, name="mine")
    assert yours == replace(f32, name="mine", style_block=2)
    for text, message in (
        ("base: yours.yaml\n", "its base, yours.yaml, is based on it"),
        ("base: [f32]\n", "name one recipe"),
        ("base: nowhere\n", "neither a file nor one of: default, demo, f16, f32"),
    ):
        (tmp_path / "mine.yaml").write_text(text)
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            load_settings(str(tmp_path / "yours.yaml"))


def test_an_unknown_recipe_is_named_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match=r"recipe 'f17' is neither a file nor one of: default, demo, f16, f32"):
        parse("--recipe f17")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe(size_px=(4, 20)), r"size_px is 4 20: choose .* within 5 to 20 px"),
        (lambda: Recipe(size_px=(12, 8)), r"size_px is 12 8: choose"),
        (lambda: Recipe(contrast_floor=9), r"contrast_floor is 9: choose 15 to 60"),
        (lambda: Recipe(size_px=(8, 9), bands=Mix.parse("14-20")), r"no band of 14-20=1 .*: widen size_px or bands"),
        (lambda: Recipe(style_block=0), r"style_block is 0: choose 1 to 1000"),
        (lambda: Recipe(image_size=()), r"image_size is empty: give at least one"),
        (lambda: Mix.parse("en=0.5,zh=1,en=2"), r"'en' has two shares in 'en=0.5,zh=1,en=2': give it one"),
        (lambda: Recipe(image_size=("big",)), r"image_size is 'big': write 512 or 768x512"),
        (lambda: Recipe(image_size=("512x",)), r"image_size is '512x': write 512 or 768x512"),
        (lambda: Recipe(image_size=("32",)), r"image_size is '32': choose sides of 64 to 4096 px"),
        (lambda: Recipe(grounds=Mix.parse("wood")), r"grounds names 'wood': choose from photo"),
        (lambda: Recipe(layouts=Mix.parse("vertical")), r"none of them is set in en; add another"),
        (lambda: Inputs(num_images=0), r"num_images is 0: give at least 1"),
        (lambda: Inputs(split="test"), r"split is 'test': choose one of all, train, held-out"),
        (lambda: Inputs(image_format="gif"), r"image_format is 'gif': choose one of"),
        (lambda: Inputs(fonts=()), r'fonts is empty: give "default"'),
        (lambda: Execution(backend="slurm"), r"backend is 'slurm': choose ray, processes, inline"),
        (lambda: Execution(workers=-2), r"workers is -2.*give at least -1"),
    ],
)
def test_a_bad_value_is_named_with_its_remedy(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--size-px 4 20", ["size_px is 4.0 20.0", "within 5 to 20 px"]),
        ("--languages en=half", ["en=half", "NAME=NUMBER"]),
        ("--num-images 0", ["num_images is 0", "at least 1"]),
        ("--num-imagse 5", ["--num-imagse", "--num-images"]),
    ],
)
def test_a_bad_flag_stops_with_a_message(flags: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(flags)
    printed = capsys.readouterr()
    message = " ".join(f"{stop.value} {printed.out} {printed.err}".replace("│", " ").split())

    assert stop.value.code not in (0, None)
    for word in words:
        assert word in message


def test_help_lists_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    printed = capsys.readouterr().out

    for kind in (Recipe, Inputs, Execution):
        for name in kind.__dataclass_fields__:
            assert f"--{name.replace('_', '-')}" in printed, name


def test_local_paths_become_absolute_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = parse("--photos A s3://b/photos builtin --fonts default X --out OUT").absolute()

    assert settings.inputs.photos == (str(tmp_path / "A"), "s3://b/photos", "builtin")
    assert settings.inputs.fonts == ("default", str(tmp_path / "X"))
    assert settings.execution.out == str(tmp_path / "OUT")
    assert settings.execution.photo_index == ""


@pytest.mark.parametrize(
    ("size_px", "bands"),
    [
        ((5, 7), {"5-7": (5, 7)}),
        ((7, 10), {"7-10": (7, 10)}),
        ((10, 14), {"10-14": (10, 14)}),
        ((6, 12), {"5-7": (6, 7), "7-10": (7, 10), "10-14": (10, 12)}),
        ((7, 7), {"7-10": (7, 7)}),
        ((20, 20), {"14-20": (20, 20)}),
    ],
)
def test_only_bands_that_the_sizes_reach_into_are_kept(size_px, bands) -> None:
    recipe = Recipe(size_px=size_px)

    assert {band: recipe.band_range(band) for band in recipe.band_mix().names} == bands


def test_the_identity_is_of_what_decides_the_bytes() -> None:
    settings = parse()
    longer = replace(settings, inputs=replace(settings.inputs, num_images=5, photos=("elsewhere",)))
    other = replace(settings, inputs=replace(settings.inputs, seed=1))
    elsewhere = replace(settings, execution=Execution(out="elsewhere", backend="inline"))

    assert longer.identity() == settings.identity() == elsewhere.identity()
    assert other.identity() != settings.identity()


@pytest.mark.parametrize(
    ("flags", "name"), [("", "out"), ("--out sets/a", "out"), ("--photo-index i --out /a", "photo_index")]
)
def test_an_output_in_the_copy_of_a_ray_job_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, name: str
) -> None:
    copy = tmp_path / "runtime_resources/working_dir_files/_ray_pkg_0123"  # as Ray 2.60 names it
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)

    with pytest.raises(ValueError, match=rf"^{name} is .*Ray removes that.*give an absolute path .* or a URL"):
        parse(flags).absolute()
    with pytest.raises(SystemExit, match=r"curate\.py: out is 'out'.*give an absolute path"):
        parse_command(["report", "--out", "out"])
    assert parse("--photos p --out s3://bucket/a").absolute().inputs.photos == (str(copy / "p"),)
    assert parse("--out /shared/a").absolute().execution.out == "/shared/a"
