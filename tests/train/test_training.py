"""A run end to end: what it leaves, and that it goes on exactly as if nothing had stopped it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.runs import STAGES, losses, small_run
from tests.train.shards import noise, pages, photos, write
from train.command_line import parse_run
from train.estimate import describe_data
from train.loop import Diverged
from train.monitor import read_log
from train.settings import Run
from train.training import train
from train.vae import Vae

ROOT = Path(__file__).parents[2]
BROKEN = (5, 12, 17)  # pages; a shard holds ten
RANKS = "from train.training import train; import pickle, sys; train(pickle.load(open(sys.argv[1], 'rb')))"

FROM_FIRST = """
import sys
from pathlib import Path
from train.world import open_world

def fail():
    raise ValueError("damaged")

with open_world("cpu") as world:
    found = world.from_first(lambda: world.rank)
    try:
        world.from_first(fail)
    except ValueError as error:
        Path(sys.argv[1], f"rank{world.rank}").write_text(f"{found} {error}")
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two sets of shards, the last shard of each held out; three pages are broken."""
    folder = tmp_path_factory.mktemp("shards")
    broken = {number: noise(5, 96)[:500] for number in BROKEN}
    return [
        write(pages(40, side_px=96, shard_rows=10, instead=broken), folder / "pages"),
        write(photos(12, shard_rows=6), folder / "photos"),
    ]


@pytest.fixture(scope="module")
def whole(data: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed; not to be changed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train(small_run(data, out))
    return out


def test_a_run_leaves_a_model_a_log_sheets_and_a_report(whole: Path) -> None:
    vae = Vae.from_pretrained(whole / "model")
    state = json.loads((whole / "checkpoints/000000000040/state.json").read_text())

    assert len(losses(whole)) == 10
    assert [loss for _, loss, _ in losses(whole)][-1] < losses(whole)[0][1]
    assert all(std > 0 for std in vae.config.latents_std)
    assert state["numbers"]["num_images"] == 40
    sheets = sorted(path.name for path in (whole / "samples").iterdir())
    assert sheets == ["000000000000.png", "000000000040.png"], "before the first step and after the last"
    assert (whole / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "synthetic-5-7" in (whole / "report.html").read_text()


def test_checkpoints_hold_neither_teacher_nor_lpips(whole: Path) -> None:
    from safetensors.torch import load_file

    names = set(load_file(whole / "checkpoints/000000000040/weights.safetensors"))

    assert {name.split(".")[0] for name in names} == {"vae"}


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (4, {}),
        (20, {"num_workers": 2}),  # one step before the border of the stages
        (24, {}),  # on it
        (28, {"num_workers": 2}),  # between steps of other aspects
    ],
)
def test_a_run_goes_on_bit_by_bit_from_any_checkpoint(
    whole: Path, data: list[str], tmp_path: Path, after: int, changes: dict[str, int]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    shutil.rmtree(out / "model")
    for path in (out / "checkpoints").iterdir():
        if int(path.name) > after:
            shutil.rmtree(path)

    assert train(small_run(data, out, **changes))

    assert losses(out) == losses(whole)
    assert same_files(out, whole, "model/model.safetensors", "checkpoints/000000000040/optimiser.safetensors")


def same_files(one: Path, other: Path, *names: str) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_accumulation_changes_neither_the_images_nor_the_gradient(whole: Path, data: list[str], tmp_path: Path) -> None:
    assert train(small_run(data, tmp_path / "run", micro_batch=1))

    check_alike(losses(tmp_path / "run"), losses(whole))


def check_alike(mine: list[tuple[int, float, float]], other: list[tuple[int, float, float]]) -> None:
    """The same images and gradient; what sums in another order change in it grows from step to step."""
    assert mine[0] == pytest.approx(other[0], rel=1e-5)
    assert [step[:2] for step in mine] == [pytest.approx(step[:2], rel=5e-3) for step in other]


def start(run: Run, folder: Path, *launcher: str) -> subprocess.Popen[str]:
    import pickle

    (folder / "run.pkl").write_bytes(pickle.dumps(run))
    (folder / "go.py").write_text(RANKS)
    command = [sys.executable, *launcher, str(folder / "go.py"), str(folder / "run.pkl")]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)  # fmt: skip


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 200
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_or_asked_to_stop_resumes_exactly(
    whole: Path, data: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    run = small_run(data, tmp_path / "run", micro_batch=1)
    process = start(run, tmp_path)
    wait_for(tmp_path / "run/checkpoints/000000000012", process)
    os.kill(process.pid, number)
    told = process.communicate()[0]
    seen = max(int(path.name) for path in (tmp_path / "run/checkpoints").iterdir() if path.name.isdigit())

    undisturbed = tmp_path / "undisturbed"
    assert train(run)
    assert train(small_run(data, undisturbed, micro_batch=1))

    assert seen < 40, "the run was over before it was stopped"
    assert number == signal.SIGKILL or "stopped and saved" in told
    assert losses(tmp_path / "run") == losses(undisturbed)
    assert same_files(tmp_path / "run", undisturbed, "model/model.safetensors")


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_ranks_train_as_one_process_does(whole: Path, data: list[str], tmp_path: Path, strategy: str) -> None:
    """The same images, and gradients that are means over ranks; stopped and resumed in between; stored by pixel."""
    run = small_run(data, tmp_path / "run", strategy=strategy, channels_last=True)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    first = start(run, tmp_path, *torchrun)
    wait_for(tmp_path / "run/checkpoints/000000000012", first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    second = start(run, tmp_path, *torchrun)
    told = second.communicate(timeout=200)[0]

    assert second.returncode == 0, told
    assert "resumed at" in told
    check_alike(losses(tmp_path / "run"), losses(whole))
    assert num_faults(tmp_path / "run") == num_faults(whole) > 0  # those of all ranks


def num_faults(out: Path) -> float:
    """Rows that could not be used, by the last line of the log."""
    return next(line["faults"] for line in reversed(read_log(out / "log.jsonl")) if line["kind"] == "step")


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    whole: Path, data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    weights = out / "checkpoints/000000000040/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")

    assert train(small_run(data, out))

    told = capsys.readouterr().out
    assert "checkpoint" in told
    assert "000000000040 is damaged (weights.safetensors has another sha256" in told
    assert "resumed at 36 images" in told
    assert losses(out) == losses(whole)
    assert f"It is now {out / 'checkpoints/damaged-000000000040'}" in told


def test_a_run_never_begins_anew_over_damaged_checkpoints(whole: Path, data: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    for path in (out / "checkpoints").iterdir():
        (path / "state.json").write_text("{")

    with pytest.raises(ValueError, match=r"no checkpoint in .* is whole.*name another --out"):
        train(small_run(data, out))


def test_a_run_never_begins_anew_where_its_checkpoints_are_gone(whole: Path, data: list[str], tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    shutil.rmtree(out / "checkpoints")

    with pytest.raises(ValueError, match=r"was saved at \d+ images, but .*checkpoints holds no checkpoint"):
        train(small_run(data, out))
    assert len(losses(out)) == 10


def test_a_dry_run_tells_what_the_data_holds_and_what_it_lacks(data: list[str], tmp_path: Path) -> None:
    told = describe_data(small_run(data, tmp_path / "run"))

    assert told.startswith("data        36 images to train on: general 6, synthetic 30,"), "without the last shards"
    assert told.endswith("; 5 crops of 96 px of others to evaluate"), "of photos and each band"
    with pytest.raises(ValueError, match="stage 'square': 'general' has a share in mix, but no image in the data"):
        describe_data(small_run(data[:1], tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_disk_that_cannot_be_read_is_no_damaged_checkpoint(whole: Path, data: list[str], tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    state = max((out / "checkpoints").iterdir()) / "state.json"
    state.unlink()
    state.symlink_to(state)  # reading it fails with ELOOP

    with pytest.raises(OSError, match="symbolic links"):
        train(small_run(data, out))


def test_what_the_first_rank_finds_or_raises_is_so_on_every_rank(tmp_path: Path) -> None:
    (tmp_path / "go.py").write_text(FROM_FIRST)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    subprocess.run([*command, str(tmp_path / "go.py"), str(tmp_path)], env=env, check=True, timeout=200)

    assert sorted(path.read_text() for path in tmp_path.glob("rank*")) == ["0 damaged", "0 damaged"]


def test_a_dataset_is_no_place_for_a_run(data: list[str]) -> None:
    with pytest.raises(ValueError, match="holds a dataset: name another folder with --out"):
        train(small_run(data, Path(data[0])))


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


def test_another_run_in_the_same_folder_is_refused_with_the_difference(whole: Path, data: list[str]) -> None:
    with pytest.raises(ValueError, match=r"optimiser\.seed: 7 -> 8"):
        train(small_run(data, whole, seed=8))
    with pytest.raises(ValueError, match="data: "):
        train(small_run([data[1], data[0]], whole))


def test_broken_pages_are_counted_and_named(whole: Path) -> None:
    faults = json.loads((whole / "faults.json").read_text())
    named = {int(re.search(r"pages/data/(\d+)\.parquet#(\d+)", name).expand(r"\1\2")) for name in faults}

    assert named
    assert named <= set(BROKEN)
    assert all(count > 0 for count in faults.values())


def test_a_damaged_run_file_is_named(whole: Path, data: list[str], tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    (out / "run.json").write_text('{"model"')

    with pytest.raises(ValueError, match=r"run/run.json is damaged .*name another folder with --out"):
        train(small_run(data, out))


def test_steps_without_a_finite_gradient_are_skipped_counted_and_end_the_run(data: list[str], tmp_path: Path) -> None:
    stages = tuple(replace(stage, lr=1e30) for stage in STAGES)

    with pytest.raises(Diverged, match=r"was not finite for 3 steps in a row, up to \d+ images"):
        train(small_run(data, tmp_path / "run", stages=stages, max_bad_steps=3))

    bad = [
        line for line in map(json.loads, (tmp_path / "run/log.jsonl").read_text().splitlines()) if line.get("is_bad")
    ]
    assert len(bad) == 3
    assert (tmp_path / "run/report.html").exists()


def test_a_frozen_encoder_keeps_its_latents_bit_by_bit(whole: Path, data: list[str], tmp_path: Path) -> None:
    # Other crops are evaluated than in the run before: mean and deviation measured on them would be others.
    run = small_run(data, tmp_path / "run", init=str(whole / "model"), freeze_encoder=True, num_eval=3)
    x = torch.rand(1, 3, 32, 32)

    assert train(run)

    before, after = Vae.from_pretrained(whole / "model"), Vae.from_pretrained(tmp_path / "run/model")
    with torch.no_grad():
        assert torch.equal(before.encode(x).latent_dist.mode(), after.encode(x).latent_dist.mode())
        assert not torch.equal(before(x), after(x))
    assert after.config.latents_mean == before.config.latents_mean != ()
    assert after.config.latents_std == before.config.latents_std
