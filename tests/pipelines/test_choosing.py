"""Selections by name: of several rules files, and those that are possible without text."""

import pytest

from curate.textcolumns import SCHEMA
from pipelines.curation.choosing import TEXT_COLUMNS, chosen_names, chosen_rules, columns_to_come, possible_names
from pipelines.curation.settings import Choice, Measures

MEASURED = ("id", "status", "width_px", "clarity")
RULES = """
wide: {rules: [{column: width_px, at_least: 9}, {column: ocr_chars, at_most: 9, optional: true}]}
words: {rules: [{column: ocr_chars, at_least: 9}]}
dense: {weight: {column: ocr_chars_per_mpx, at: 1000}}
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


def test_names_are_those_of_all_files_or_as_asked(rules):
    assert chosen_names(Choice(rules=("general", rules))) == ("general", "wide", "words", "dense")
    assert chosen_rules(Choice(rules=("general", rules), selection=("words",))) == [(rules, ["words"])]


def test_a_name_in_two_files_is_refused(rules, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("words: {}\nmine: {}")
    both = (rules, str(other))

    with pytest.raises(ValueError, match=r"selection 'words' is in .*rules.yaml and in .*other.yaml"):
        chosen_rules(Choice(rules=both))
    assert chosen_names(Choice(rules=both, selection=("mine",))) == ("mine",)


def test_without_text_what_reads_it_is_left_out(rules, capsys):
    names = possible_names(Choice(rules=(rules,)), MEASURED, "none")

    assert names == ("wide",)
    assert capsys.readouterr().out == (
        "words        left out: it reads ocr_chars, and --ocr none was given\n"
        "dense        left out: it reads ocr_chars_per_mpx, and --ocr none was given\n"
    )


def test_other_missing_columns_are_not_blamed_on_text(rules, tmp_path):
    typo = tmp_path / "typo.yaml"
    typo.write_text("typo: {rules: [{column: widht_px, at_least: 9}]}")

    with pytest.raises(ValueError, match="did you mean 'width_px'"):
        possible_names(Choice(rules=(rules, str(typo))), MEASURED, "none")
    with pytest.raises(
        ValueError, match="rule 'ocr_chars under 9' reads 'ocr_chars', a column of text, for which nobody"
    ):
        possible_names(Choice(rules=(rules,)), MEASURED, "rapidocr")
    with pytest.raises(ValueError, match="no selection is left"):
        possible_names(Choice(rules=(rules,), selection=("words",)), MEASURED, "none")


def test_a_scorer_that_the_rules_need_is_named(rules, tmp_path):
    sharp = tmp_path / "sharp.yaml"
    sharp.write_text("sharp: {rules: [{column: upscale, at_most: 1, optional: true}, {column: clarity, at_least: 1}]}")
    choice = Choice(rules=(rules, str(sharp)))
    columns = columns_to_come(Measures(scorers=("sanity", "fingerprint"), ocr="none"), str(tmp_path))
    said = "selection 'sharp': rule 'clarity under 1' reads 'clarity', a column of scorer sharpness: add sharpness"

    assert {"width_px", "sha256", "duplicate_of", "path"} <= set(columns)
    with pytest.raises(ValueError, match=said):
        possible_names(choice, columns, "none")
    assert possible_names(choice, [*columns, "clarity"], "none") == ("wide", "sharp")


def test_text_columns_are_not_proposed_where_no_text_is_read(tmp_path):
    typo = tmp_path / "typo.yaml"
    typo.write_text("typo: {rules: [{column: ocr_char, at_least: 9}]}")

    with pytest.raises(ValueError, match="reads 'ocr_char', which is no column of the scores; there are clarity, id"):
        possible_names(Choice(rules=(str(typo),)), MEASURED, "none")


def test_text_columns_are_those_of_the_text_job():
    assert {*SCHEMA.names, "layer_text"} == set(TEXT_COLUMNS)
