"""Curation end to end, as a user runs it: every input gets its row, through every fault that may befall a run."""

import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
from fsspec.core import url_to_fs

from pipelines.curation.choosing import columns_to_come
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.settings import Measures
from pipelines.shards.files import shard_name, sidecar_name
from tests.pipelines.curation import (
    NUM_GOOD,
    RULES,
    SCORERS,
    SLOW_SCORER,
    curate,
    digests,
    rows,
    start,
    write_bad,
    write_good,
    write_odd,
    write_tar,
)
from tests.pipelines.small_job import sidecars, stop_writer, wait_until, writers

NUM_SHARDS = 3


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good images; not to be changed."""
    return write_good(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def scored(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The curation of the good images when nothing goes wrong; not to be changed."""
    out = tmp_path_factory.mktemp("scored")
    assert curate("score", out, good) == 0
    return out


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags that make scoring take a while: a scorer of the user's own."""
    file = tmp_path_factory.mktemp("slow") / "slow.py"
    file.write_text(SLOW_SCORER)
    return ["--scorers", *SCORERS, f"{file}:Slow"]


@pytest.fixture(scope="session")
def slowly_scored(good: Path, slow: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the slow scorer."""
    out = tmp_path_factory.mktemp("slowly")
    assert curate("score", out, good, *slow) == 0
    return out


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts commands; neither they nor their workers outlive the test."""
    processes: list[subprocess.Popen[str]] = []

    def start_one(*args: Any, **options: Any) -> subprocess.Popen[str]:
        processes.append(start(*args, **options))
        return processes[-1]

    yield start_one
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_every_bad_input_has_a_row_that_says_why_and_nothing_else_suffers(tmp_path, capfd):
    source = tmp_path / "source"
    bad = write_bad(source / "bad")
    write_odd(source / "odd")
    write_good(source / "good", 4)
    code = curate("score", tmp_path / "out", source)
    said = capfd.readouterr().out
    found = rows(tmp_path / "out")
    outcomes = {name: (row["status"], row["reason"]) for name, row in found.items() if row["status"] != "ok"}
    well = {name for name, row in found.items() if row["status"] == "ok"}
    counts = [json.loads(path.read_text())["counts"] for path in sidecars(tmp_path / "out/scores")]

    assert code == 0
    assert outcomes == {f"0/bad/{name}": outcome for name, outcome in bad.items()}
    assert len(well) == 4 + 6 + 2  # the good, the odd, and a whole member of each tar
    assert sum(n for part in counts for name, n in part.items() if name.startswith("fault/")) == len(bad)
    assert all(found[name][column] is not None for name in well for column in ("entropy_bits", "sha256"))
    assert all(found[f"0/bad/{name}"]["entropy_bits"] is None for name in bad)
    assert f"{len(found)} listed, {len(well)} scored" in said
    assert "fault    2 too many pixels" in said
    assert "0/bad/huge.png: 169000000 pixels: over the 128000000 allowed" in said


def test_names_that_come_twice_in_a_tar_stay_apart(tmp_path, good):
    data = [path.read_bytes() for path in sorted(good.glob("*.png"))[:2]]
    (tmp_path / "source").mkdir()
    write_tar(tmp_path / "source/t.tar", {"a.png": data[0], "./a.png": data[1]})
    curate("score", tmp_path / "out", tmp_path / "source")
    found = rows(tmp_path / "out")

    assert len(found) == 2
    assert len({row["sha256"] for row in found.values()}) == 2


def test_two_processes_make_the_same_bytes(tmp_path, good, scored, started):
    driver = started("score", tmp_path / "out", good, "--backend", "processes")
    said, _ = driver.communicate(timeout=90)

    assert driver.returncode == 0, said
    assert digests(tmp_path / "out") == digests(scored)


def test_a_killed_worker_costs_nothing(tmp_path, good, slow, slowly_scored, started):
    driver = started("score", tmp_path / "out", good, *slow, "--backend", "processes")
    os.kill(stop_writer(tmp_path / "out/scores"), signal.SIGKILL)
    said, _ = driver.communicate(timeout=90)

    assert driver.returncode == 0, said
    assert "its worker was killed by SIGKILL; trying it again" in said
    assert digests(tmp_path / "out") == digests(slowly_scored)


def test_a_killed_driver_is_resumed(tmp_path, good, slow, slowly_scored, started, capfd):
    out = tmp_path / "out"
    driver = started("score", out, good, *slow, "--backend", "processes")
    worker = stop_writer(out / "scores")
    driver.kill()
    os.kill(worker, signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not writers(out / "scores"))
    left = len(sidecars(out / "scores"))
    (out / f"list/.entries.parquet~{gethostname()}~0123abcd.tmp").write_bytes(b"half")  # as if killed there, too
    code = curate("score", out, good, *slow)

    assert left < NUM_SHARDS
    assert code == 0
    assert f"{NUM_GOOD} listed, {NUM_GOOD} scored" in capfd.readouterr().out
    assert digests(out) == digests(slowly_scored)


def test_a_damaged_score_shard_is_made_again_and_no_other(tmp_path, good, scored):
    out = Path(shutil.copytree(scored, tmp_path / "out"))
    (out / "scores" / sidecar_name(1)).unlink()
    os.truncate(out / "scores" / shard_name(2), 1000)
    kept = (out / "scores" / shard_name(0)).stat().st_mtime_ns
    code = curate("score", out, good)

    assert code == 0
    assert digests(out) == digests(scored)
    assert (out / "scores" / shard_name(0)).stat().st_mtime_ns == kept


def test_another_recipe_is_refused_with_the_difference(good, scored, tmp_path, capfd):
    before = digests(scored)
    other = write_good(tmp_path / "other", 2)
    codes = [curate("score", scored, good, "--scorers", "sanity"), curate("score", scored, other)]
    codes.append(curate("score", scored, good, "--max-mpx", "1"))
    said = capfd.readouterr().err

    assert codes == [1, 1, 1]
    assert "was begun by another job (there -> now):" in said
    assert '--scorers, their versions (fingerprint): "' in said
    assert '--source (0): "' in said
    assert "--max-mpx, in pixels: 128000000 -> 1000000" in said
    assert "identity." not in said
    assert digests(scored) == before


def test_images_that_came_after_the_list_are_told(tmp_path, good, scored, capfd):
    source = Path(shutil.copytree(good, tmp_path / "source"))
    curate("score", tmp_path / "out", source)
    shutil.copy(source / "00.png", source / "new.png")
    code = curate("score", tmp_path / "out", source)
    said = capfd.readouterr()

    assert code == 0
    assert f"{source} has changed since it was listed: {NUM_GOOD} images then, {NUM_GOOD + 1} now" in said.err
    assert f"{NUM_GOOD} listed, {NUM_GOOD} scored" in said.out


def test_a_full_disk_is_named_and_resumed(tmp_path, good, scored, capfd):
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(small)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        full = curate("score", small / "out", good)
        said, left = capfd.readouterr().err, digests(small / "out/scores")
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        mended = curate("score", small / "out", good)
        made = digests(small / "out/scores")
    finally:
        subprocess.run(["umount", str(small)], check=True)

    assert (full, mended) == (1, 0)
    assert f"in {small}/out/scores" in said
    assert "no room for " in said
    assert left.items() <= digests(scored / "scores").items()
    assert made == digests(scored / "scores")


def test_a_disk_too_full_for_anything(tmp_path, good, capsys):  # in memory, unlike capfd
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        code = curate("score", tmp_path / "out", good)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert code == 1
    assert f"no room for job.json in {tmp_path}/out/list" in capsys.readouterr().err


def test_ctrl_c_stops_and_the_same_command_goes_on(tmp_path, good, slow, slowly_scored, started):
    out = tmp_path / "out"
    driver = started("score", out, good, *slow, "--backend", "processes")
    worker = stop_writer(out / "scores")
    driver.send_signal(signal.SIGINT)
    os.kill(worker, signal.SIGCONT)
    said, _ = driver.communicate(timeout=180)
    code = curate("score", out, good, *slow)

    assert driver.returncode == 130
    assert said.endswith("curate.py score: stopped; the same command goes on from here\n")
    assert code == 0
    assert digests(out) == digests(slowly_scored)


def test_on_ray_the_bytes_are_the_same(tmp_path, good, scored, ray_cluster):
    code = curate("score", tmp_path / "out", good, "--backend", "ray", "--workers", "2")

    assert code == 0
    assert digests(tmp_path / "out") == digests(scored)


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path, good, capfd):
    rules = tmp_path / "mine.yaml"
    rules.write_text(RULES)
    code = curate("run", tmp_path / "out", good, "--dry-run", "--rules", str(rules))
    said = capfd.readouterr().out

    assert code == 0
    assert f"would score {NUM_GOOD} images in {NUM_SHARDS} shards into {tmp_path}/out" in said
    assert "ms an image" in said
    assert "would select and pack sharp" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_run_whose_rules_need_another_scorer_is_refused_before_scoring(tmp_path, good, capfd, more):
    code = curate("run", tmp_path / "out", good, "--rules", "general", *more)

    assert code == 1
    assert "reads 'clarity', a column of scorer sharpness: add sharpness to --scorers" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_columns_to_come_are_those_that_come(scored):
    measures = Measures(scorers=SCORERS, ocr="none")

    assert set(columns_to_come(measures, str(scored))) == set(ScoreTable(str(scored)).schema.names)


def test_what_is_no_image_is_told(tmp_path, capfd):
    source = write_good(tmp_path / "source", 2)
    for name in ("a.txt", "b.txt", ".hidden.png"):
        (source / name).write_text("none")
    codes = [curate("score", tmp_path / "out", source) for _ in range(2)]
    said = capfd.readouterr().out

    assert codes == [0, 0]
    assert said.count("images   2 listed, 2 scored\nskipped  2 .txt, 1 hidden\n") == 2


def test_a_selection_tells_what_drops_most(tmp_path, good, scored, capfd):
    rules = tmp_path / "mine.yaml"
    bounds = "".join(f"    - {{column: width_px, at_least: {96 + 2 * step}}}\n" for step in range(1, 8))
    rules.write_text(f"wide:\n  rules:\n{bounds}")
    out = Path(shutil.copytree(scored, tmp_path / "out"))
    code = curate("select", out, None, "--rules", str(rules))
    lines = capfd.readouterr().out.splitlines()

    assert code == 0
    assert lines[0] == "wide         10 of 24 kept (41.7%)"
    assert lines[1:6] == [f"  dropped    2 width_px under {96 + 2 * step}" for step in range(1, 6)]
    assert lines[6:] == ["  dropped    4 by 2 other rules"]


def test_a_curation_in_an_object_store_is_the_same(tmp_path, good, s3, capfd):
    """Scored, selected, packed and reported; resumed; and read back with the same bytes as a local one."""
    rules = tmp_path / "mine.yaml"
    rules.write_text(RULES)
    store, place = url_to_fs(f"{s3}/curated")
    codes = [curate("run", out, good, "--rules", str(rules)) for out in (tmp_path / "out", f"{s3}/curated")]
    keys = set(store.find(place))
    dates = {key: store.info(key)["LastModified"] for key in keys if key.endswith(".parquet")}
    codes.append(curate("score", f"{s3}/curated", good))
    codes.append(curate("score", f"{s3}/curated", good, "--max-mpx", "1"))
    store.get(place, str(tmp_path / "back"), recursive=True)
    said = capfd.readouterr()

    assert codes == [0, 0, 0, 1]
    parts = ("scores", "list", "selections", "packed", "duplicates")
    assert all(digests(tmp_path / "back" / part) == digests(tmp_path / "out" / part) for part in parts)
    assert dates == {key: store.info(key)["LastModified"] for key in dates}
    assert f"{place}/report.html" in keys
    assert f"report   {s3}/curated/report.html" in said.out
    assert f"{s3}/curated/list was begun by another job" in said.err


def test_an_empty_source_is_refused(tmp_path, capfd):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/notes.txt").write_text("none")
    codes = [curate("score", tmp_path / "out", tmp_path / "source"), curate("score", tmp_path / "out", tmp_path / "no")]
    said = capfd.readouterr().err

    assert codes == [1, 1]
    assert f"{tmp_path / 'source'} hold no image (1 skipped (.txt)): " in said
    assert f"photos {tmp_path}/no: no such folder or file" in said


def test_run_scores_selects_and_packs(tmp_path, good, capfd):
    rules = tmp_path / "mine.yaml"
    rules.write_text(RULES)
    code = curate("run", tmp_path / "out", good, "--rules", str(rules))
    said = capfd.readouterr().out

    assert code == 0
    assert f"sharp        {NUM_GOOD} of {NUM_GOOD} kept (100.0%)" in said
    assert "dropped" not in said
    assert f"sharp        {NUM_GOOD} images, " in said
    assert (tmp_path / "out/packed/sharp/README.md").exists()
