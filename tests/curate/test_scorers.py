"""Scorers are opened by name, a user's own from one file; what is wrong is named with its remedy."""

import sys
from pathlib import Path
from subprocess import run

import pytest

from curate.picture import Picture
from curate.scorers import open_scorers
from tests.curate.models import save_means
from tests.curate.pictures import blocks, encoded

ROOT = Path(__file__).parents[2]
REDNESS = '''
"""How red a picture is."""
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Part:
    channel: int = 0


class Redness:
    version = "1"
    schema = pa.schema([pa.field("redness", pa.float32(), metadata={"about": "mean of R; 0 to 255; high: red"})])

    def __call__(self, pictures):
        means = [float(picture.rgb[..., Part().channel].mean()) for picture in pictures]
        return pa.RecordBatch.from_arrays([pa.array(means, pa.float32())], schema=self.schema)


class Other(Redness):
    schema = pa.schema([pa.field("width_px", pa.float32())])


class Needy(Redness):
    def __init__(self, weights):
        self.weights = weights


class NoScorer:
    pass
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own.py"
    file.write_text(REDNESS)
    return file


def test_built_in_scorers_measure_pictures_together():
    scorers = open_scorers(["sanity", "compression", "fingerprint"])
    pictures = [Picture(encoded(blocks(seed), "JPEG")) for seed in (1, 2)]

    for scorer in scorers:
        rows = scorer(pictures)

        assert rows.schema == scorer.schema
        assert rows.num_rows == 2
        assert all(b"about" in field.metadata for field in scorer.schema)
        assert scorer.version


def test_only_what_is_named_is_imported():
    program = "import sys; from curate.scorers import open_scorers; open_scorers(['sanity']); print(*sys.modules)"

    loaded = run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()

    assert "curate.sanity" in loaded
    assert not {"curate.heads", "curate.compression", "onnxruntime"} & set(loaded)


def test_a_users_scorer_is_one_file(own: Path):
    (scorer,) = open_scorers([f"{own}:Redness"])
    red = blocks(1)
    red[..., 0] = 250

    rows = scorer([Picture(encoded(red, "PNG"))])

    assert rows["redness"].to_pylist() == [250]


def test_two_files_of_one_name_stay_apart(own: Path, tmp_path: Path):
    other = tmp_path / "elsewhere" / "own.py"
    other.parent.mkdir()
    other.write_text(REDNESS.replace("redness", "more_redness"))

    scorers = open_scorers([f"{own}:Redness", f"{other}:Redness"])

    assert [scorer.schema.names for scorer in scorers] == [["redness"], ["more_redness"]]


def test_a_model_is_opened_by_its_file(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    path = save_means(tmp_path / "means.onnx")

    names = [scorer.schema.names for scorer in open_scorers([f"{path}", f"{path}:red"])]

    assert names == [["means"], ["red"]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("blur", "no scorer is called 'blur': use sanity, compression"),
        ("{folder}/none.py:Redness", "none.py:Redness: there is no file .*none.py; give its full path"),
        ("{folder}/own.py:Blueness", "own.py:Blueness: own.py has no class Blueness; check the name"),
        ("{folder}/own.py:Needy", "own.py:Needy: its __init__ raised TypeError.*; it is called without arguments"),
        ("{folder}/own.py:NoScorer", "own.py:NoScorer: .* has no attribute 'schema'; see curate/scorers.py"),
        ("{folder}/bad.py:Redness", "bad.py:Redness: importing the file raised SyntaxError"),
    ],
)
def test_what_cannot_be_opened_is_named(own: Path, name: str, message: str):
    (own.parent / "bad.py").write_text("class Redness(:\n")

    with pytest.raises(ValueError, match=message):
        open_scorers([name.format(folder=own.parent)])


def test_two_scorers_with_one_column_are_refused(own: Path):
    with pytest.raises(ValueError, match=r"column 'width_px' is in scorers sanity and .*own.py:Other"):
        open_scorers(["sanity", f"{own}:Other"])
