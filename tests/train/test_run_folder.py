"""What a run's folder holds when the run begins: damaged, another's, gone; and what is refused before."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.train.runs import losses, small_run
from train.command_line import parse_run
from train.estimate import describe_data
from train.training import train


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    whole: Path, run_data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    shutil.rmtree(out / "model")
    weights = out / "checkpoints/000000000040/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")

    assert train(small_run(run_data, out))

    told = capsys.readouterr().out
    assert "checkpoint" in told
    assert "000000000040 is damaged (weights.safetensors has another sha256" in told
    assert "resumed at 36 images" in told
    assert losses(out) == losses(whole)
    assert f"It is now {out / 'checkpoints/damaged-000000000040'}" in told


def test_a_run_never_begins_anew_over_damaged_checkpoints(whole: Path, run_data: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    shutil.rmtree(out / "model")
    for path in (out / "checkpoints").iterdir():
        (path / "state.json").write_text("{")

    with pytest.raises(ValueError, match=r"no checkpoint in .* is whole.*name another --out"):
        train(small_run(run_data, out))


def test_a_run_never_begins_anew_where_its_checkpoints_are_gone(
    whole: Path, run_data: list[str], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    shutil.rmtree(out / "checkpoints")

    with pytest.raises(ValueError, match=r"was saved at \d+ images, but .*checkpoints holds no checkpoint"):
        train(small_run(run_data, out))
    assert len(losses(out)) == 10


def test_a_dry_run_tells_what_the_data_holds_and_what_it_lacks(run_data: list[str], tmp_path: Path) -> None:
    told = describe_data(small_run(run_data, tmp_path / "run"))

    assert told.startswith("36 images to train on: general 6, synthetic 30,"), "without the last shards"
    assert told.endswith("; 5 crops of 96 px of others to evaluate"), "of photos and each band"
    with pytest.raises(ValueError, match="stage 'square': 'general' has a share in mix, but no image in the data"):
        describe_data(small_run(run_data[:1], tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_disk_that_cannot_be_read_is_no_damaged_checkpoint(whole: Path, run_data: list[str], tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    state = max((out / "checkpoints").iterdir()) / "state.json"
    shutil.rmtree(out / "model")
    state.unlink()
    state.symlink_to(state)  # reading it fails with ELOOP

    with pytest.raises(OSError, match="symbolic links"):
        train(small_run(run_data, out))


def test_a_dataset_is_no_place_for_a_run(run_data: list[str]) -> None:
    with pytest.raises(ValueError, match=r"holds other things \(.*\) and no job of this kind: name another folder"):
        train(small_run(run_data, Path(run_data[0])))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--model", "f64c192", "--scale", "1"), "are no multiple of 64, the factor of f64c192"),
        (("--scale", "nan"), "scale is nan: give at least 0"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_begun(
    flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse_run([*flags, "--recipe", "tiny", "--dry-run"], "", "run.py")

    assert message in f"{refused.value}{capsys.readouterr().err}".replace("\n", " ")


def test_another_run_in_the_same_folder_is_refused_with_the_difference(whole: Path, run_data: list[str]) -> None:
    with pytest.raises(ValueError, match=r"optimiser\.seed: 7 -> 8"):
        train(small_run(run_data, whole, seed=8))
    with pytest.raises(ValueError, match=r"data\.sha256: "):
        train(small_run([run_data[1], run_data[0]], whole))


@contextmanager
def another_training(out: Path) -> Iterator[None]:
    """A process that holds the folder as one that trains there does."""
    hold = "import fcntl, sys; fcntl.flock(f := open(sys.argv[1], 'ab'), fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", hold, str(out / "run.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline()
        yield
        other.communicate("\n")


def test_a_folder_in_which_another_process_trains_is_refused_and_left_alone(
    whole: Path, run_data: list[str], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    before = sorted(out.rglob("*"))

    with another_training(out), pytest.raises(ValueError, match=r"run is in use: another process trains there"):
        train(small_run(run_data, out))

    assert sorted(out.rglob("*")) == before
    assert train(small_run(run_data, out))


def test_a_folder_that_another_process_has_just_begun_is_not_made_another_run_s(
    run_data: list[str], tmp_path: Path
) -> None:
    with another_training(tmp_path), pytest.raises(ValueError, match="is in use"):
        train(small_run(run_data, tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]


def test_a_damaged_run_file_is_named(whole: Path, run_data: list[str], tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    (out / "run.json").write_text('{"model"')

    with pytest.raises(ValueError, match=r"run/run.json is damaged .*name another folder with --out"):
        train(small_run(run_data, out))
