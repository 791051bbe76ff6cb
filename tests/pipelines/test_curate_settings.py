"""Command lines and recipes of curation: what overrides what, what is refused, and that help states units."""

import pytest

from pipelines.curation.curating import COMMANDS, PARTS, load_parts, parse_command
from pipelines.curation.settings import CURATE_RECIPES, Corpus, Execution, Measures, Packing
from pipelines.recipe_files import field_names


def test_flags_override_the_recipe_which_overrides_the_defaults(tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("source: [/photos]\nocr: none\ndpi: 200\nimages_per_shard: 7\n")
    command = parse_command(["run", "--recipe", str(recipe), "--dpi", "100", "--out", "/out"])

    assert (command.corpus.source, command.corpus.dpi) == (("/photos",), 100)
    assert (command.measures.ocr, command.packing.images_per_shard) == ("none", 7)
    assert command.execution.out == "/out"
    assert command.measures.scorers == Measures().scorers


def test_a_value_that_does_not_fit_is_told_with_its_part(capsys):
    with pytest.raises(SystemExit):
        parse_command(["score", "--dpi", "5"])

    said = capsys.readouterr().err
    assert "Error parsing settings.corpus: dpi is 5.0: use 10 to 1200" in " ".join(said.replace("│", " ").split())


def test_paths_hold_in_any_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("all: {rules: [{column: width_px, at_least: 1}]}\n")
    flags = "--source photos s3://bucket/x builtin --scorers sanity own/scorer.py:Own --rules mine.yaml general"
    command = parse_command(["run", "--out", "out", *flags.split()])

    assert command.corpus.source == (f"{tmp_path}/photos", "s3://bucket/x", "builtin")
    assert command.execution.out == f"{tmp_path}/out"
    assert command.measures.scorers == ("sanity", f"{tmp_path}/own/scorer.py:Own")
    assert command.choice.rules == (f"{tmp_path}/mine.yaml", "general")


@pytest.mark.parametrize("name", sorted(path.stem for path in CURATE_RECIPES.glob("*.yaml")))
def test_every_recipe_that_comes_along_is_whole(name):
    assert set(load_parts(name)) == set(PARTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: [x]", "no field 'sources'; did you mean 'source'?"),
        ("dpi: many", "dpi is 'many'"),
        ("- a", "holds a list"),
        ("max_mpx: 0", "max_mpx is 0.0: give above 0, at most 4,000"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(tmp_path, text, message):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(text)

    with pytest.raises(SystemExit, match=r"curate\.py: recipe ") as refused:
        parse_command(["score", "--recipe", str(recipe)])
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (Corpus, {"dpi": 5.0}, "dpi is 5.0"),
        (Corpus, {"max_mb": 1e6}, "max_mb is 1000000.0: give above 0, at most 1,500"),
        (Measures, {"scorers": ()}, "scorers is empty"),
        (Measures, {"ocr": "tesseract"}, "choose rapidocr, paddleocr, none"),
        (Measures, {"text": "some"}, "choose density, auto, full"),
        (Measures, {"ocr": "paddleocr"}, "without ocr_models"),
        (Packing, {"images_per_shard": 0}, "images_per_shard is 0: give at least 1"),
        (Execution, {"backend": "threads"}, "choose ray, processes, inline"),
        (Execution, {"ocr_gpus": -1.0}, "ocr_gpus is -1.0: give at least 0"),
    ],
)
def test_values_out_of_range_are_refused(kind, wrong, message):
    with pytest.raises(ValueError, match=message):
        kind(**wrong)


def test_no_field_is_in_two_parts():
    names = field_names(*PARTS.values())

    assert len(names) == len(set(names))


@pytest.mark.parametrize("command", [kind.__name__.lower() for kind in COMMANDS])
def test_help_describes_every_flag(command, capsys):
    with pytest.raises(SystemExit) as left:
        parse_command([command, "--help"])
    said = capsys.readouterr().out

    assert left.value.code == 0
    assert "--out" in said
    assert "MB of 1,000,000 bytes" in " ".join(said.replace("│", " ").split()) or command not in ("score", "run")
