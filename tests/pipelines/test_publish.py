"""Published datasets: uploaded to a Hub that answers, resumed, never showing the token; exported as the same tars."""

import json
import math
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from pipelines.publication import publishing
from pipelines.publication.uploading import HIDDEN, Scrubbed, without_secret
from pipelines.publication.webdataset import plain_rows
from pipelines.shards.folder import Folder
from pipelines.shards.images import suffix
from tests.curate.pictures import blocks, encoded
from tests.digests import digests, sha256
from tests.pipelines.hub import Hub, running_hub
from tests.pipelines.mixed import Inputs, make_inputs, mix, rows
from tests.pipelines.small_job import ROOT, SmallJob

TOKEN = "hf_" + "secretsecretsecret"
SCRIPT = ROOT / "pipelines/publish.py"


@pytest.fixture(scope="module")
def mixed(whole: Path, small_job: SmallJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mix; not to be changed."""
    inputs: Inputs = make_inputs(whole, small_job.photos, tmp_path_factory.mktemp("inputs"))
    out = tmp_path_factory.mktemp("mixed") / "out"
    assert mix(*inputs.flags(out)) == 0
    return out


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as found:
        yield found


def publish(hub: Hub, *args: str, **extra: str) -> tuple[int, str]:
    """Run the script as a user would; its exit code and all that it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_TELEMETRY": "1", **extra}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *args], env=env, capture_output=True, text=True, timeout=200, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_an_upload_holds_every_file_and_the_same_command_goes_on(hub, mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    (out / ".cache").mkdir()
    (out / ".cache/old").write_text("no part of it")
    hub.fail_commits = 1
    stopped, _ = publish(hub, "upload", str(out), "--repo", "me/set")
    first, said = publish(hub, "upload", str(out), "--repo", "me/set")
    wanted = {name: digest for name, digest in digests(out).items() if not name.startswith((".cache", "recipe"))}
    there = {name: sha256(data) for name, data in hub.repos["me/set"].items()}
    lost = sorted(wanted)[::2]  # as a stop between two commits leaves them
    for name in lost:
        del hub.repos["me/set"][name]
    second, more = publish(hub, "upload", str(out), "--repo", "me/set", HF_DEBUG="1")

    assert (stopped, first, second) == (1, 0, 0), said + more
    assert there == wanted == {name: sha256(data) for name, data in hub.repos["me/set"].items()}
    assert hub.num_sent == [1, len(wanted) - 1, len(lost)]
    assert hub.private == {"me/set": True}
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert f"uploaded  {hub.url}/datasets/me/set" in more
    assert TOKEN not in said + more


def test_what_was_taken_out_goes_from_the_hub_too_and_nothing_else(hub, mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    code, _ = publish(hub, "upload", str(out), "--repo", "me/less")
    mine = {"LICENSE", "media/logo.png", "data/train-00000-of-00001.parquet", "test/my.csv"}
    hub.repos["me/less"] |= dict.fromkeys(mine, b"mine")
    lost = sorted(name for name in digests(out) if name.startswith("test/"))
    shutil.rmtree(out / "test")
    again, said = publish(hub, "upload", str(out), "--repo", "me/less")

    assert (code, again) == (0, 0), said
    assert lost
    assert set(hub.repos["me/less"]) == {*digests(out), *mine} - {"recipe.yaml"}
    assert "removed   " in said

    hub.private["me/other"] = False
    hub.repos["me/other"] = dict.fromkeys(["data/000007.parquet", "README.md"], b"of another kind")
    assert publish(hub, "upload", str(out), "--repo", "me/other")[0] == 0
    assert "data/000007.parquet" in hub.repos["me/other"]


def test_what_an_upload_sent_that_was_cut_off_goes_too(hub, mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    hub.max_commits = 1
    first, _ = publish(hub, "upload", str(out), "--repo", "me/cut")
    shard = min((out / "test").rglob("*.parquet"))
    hub.repos["me/cut"][str(shard.relative_to(out))] = shard.read_bytes()  # as a second commit would have left it
    hub.max_commits = 1000
    shutil.rmtree(out / "test")
    again, said = publish(hub, "upload", str(out), "--repo", "me/cut")

    assert (first, again) == (1, 0), said
    assert set(hub.repos["me/cut"]) == set(digests(out)) - {"recipe.yaml"}


def test_no_place_on_this_machine_is_sent(hub, mixed, whole, tmp_path):
    out = Path(shutil.copytree(whole, tmp_path / "rendered"))
    shutil.copytree(json.loads((out / "sources.json").read_text())["photo_index"], out / "photos")
    codes = [publish(hub, "upload", str(folder), "--repo", f"me/{folder.name}")[0] for folder in (mixed, out)]
    sent = [(name, data) for repo in hub.repos.values() for name, data in repo.items()]

    assert codes == [0, 0]
    assert [name for name, _ in sent].count("README.md") == 2
    assert not [name for name, _ in sent if name.startswith("photos/")]
    assert [name for name, data in sent if str(tmp_path.parent.parent).encode() in data] == []


def test_an_upload_that_is_refused_does_not_show_the_token(hub, mixed):
    hub.refuse = True
    code, said = publish(hub, "upload", str(mixed), "--repo", "me/set", HF_DEBUG="1")

    assert code == 1
    assert "publish.py upload: the upload stopped (" in said
    assert HIDDEN in said  # the Hub had sent it back
    assert TOKEN not in said
    assert "Traceback" not in said


def test_an_upload_without_a_token_says_how_to_get_one(hub, mixed, tmp_path):
    code, said = publish(hub, "upload", str(mixed), "--repo", "me/set", HF_TOKEN="", HF_HOME=str(tmp_path))

    assert code == 1
    assert "no token for the Hub: run `hf auth login`, or set HF_TOKEN" in said
    assert hub.paths == []


def test_a_dry_run_lists_what_would_go_and_asks_nothing(hub, mixed):
    code, said = publish(hub, "upload", str(mixed), "--repo", "me/set", "--dry-run", HF_TOKEN="")
    sizes = {str(path.relative_to(mixed)): path.stat().st_size for path in mixed.rglob("*") if path.is_file()}
    del sizes["recipe.yaml"]

    assert code == 0
    assert {line.split()[1]: int(line.split()[0].replace(",", "")) for line in said.splitlines()[:-1]} == sizes
    assert f"would upload {len(sizes)} files, {sum(sizes.values()) / 1e6:,.1f} MB, to me/set" in said
    assert hub.paths == []


def test_what_is_not_whole_or_no_dataset_is_refused(mixed, tmp_path, capfd):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    sidecar = sorted(out.glob("train/general/manifest/*"))[0]
    sidecar.unlink()
    codes = [
        publishing.main(["upload", str(out), "--repo", "me/set", "--dry-run"]),
        publishing.main(["upload", str(tmp_path), "--repo", "me/set", "--dry-run"]),
        publishing.main(["upload", "memory://set", "--repo", "me/set", "--dry-run"]),
    ]
    said = capfd.readouterr().err

    assert codes == [1, 1, 1]
    assert "is not whole: train/general/data/000000.parquet; " in said
    assert "holds no dataset with a card and shards" in said
    assert "is remote: " in said


def test_streams_and_logs_lose_the_secret(capsys):
    import logging

    logger = logging.getLogger("huggingface_hub")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    try:
        with without_secret(TOKEN):
            print(f"out {TOKEN}")
            print(f"err {TOKEN}", file=sys.stderr)
            try:
                raise RuntimeError(TOKEN)
            except RuntimeError:
                logger.exception("failed with %s", TOKEN)
    finally:
        logger.removeHandler(handler)
    said = capsys.readouterr()

    assert said.out == f"out {HIDDEN}\n"
    assert f"err {HIDDEN}\n" in said.err
    assert f"failed with {HIDDEN}" in said.err
    assert TOKEN not in said.err
    assert not isinstance(sys.stdout, Scrubbed)


def exported(folder: Path) -> dict[str, bytes]:
    """The members of all tars: "TAR/NAME" -> bytes."""
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
                found[f"{path.name}/{member.name}"] = tar.extractfile(member).read()
    return found


def test_tars_hold_the_images_own_bytes_and_all_labels(mixed, tmp_path):
    assert publishing.main(["export", str(mixed), "--to", str(tmp_path / "tars"), "--images-per-tar", "5"]) == 0
    found = exported(tmp_path / "tars")
    manifest = json.loads((tmp_path / "tars/manifest.json").read_text())
    for split in ("train", "test"):
        for config in {row["file"].split("/")[-3] for row in rows(mixed, split)}:
            for number, row in enumerate(rows(mixed, split, config)):
                start = f"{split}-{config}-{number // 5:06d}.tar/{number:09d}."
                labels = json.loads(found[f"{start}json"])
                [image] = [data for name, data in found.items() if name.startswith(start) and "json" not in name]

                assert image == row["image"]["bytes"]
                assert (labels["id"], labels["text"], labels["source"]) == (row["id"], row["text"], row["source"])
                assert labels["weight"] == pytest.approx(row["weight"])
                assert [line["text"] for line in labels["lines"]] == [line["text"] for line in row["lines"]]
                assert "image" not in labels
    assert manifest["images"] == len(rows(mixed, "*")) == sum(name.endswith(".json") for name in found)
    for tar in manifest["tars"]:
        assert sha256((tmp_path / "tars" / tar["name"]).read_bytes()) == tar["sha256"]


def test_tars_are_the_same_each_time_and_resume(mixed, tmp_path, s3):
    flags = ["export", str(mixed), "--split", "train", "--images-per-tar", "7", "--to"]
    assert publishing.main([*flags, str(tmp_path / "a")]) == 0
    assert publishing.main([*flags, f"{s3}/tars"]) == 0
    out = Path(shutil.copytree(tmp_path / "a", tmp_path / "b"))
    lost = sorted(out.glob("*.tar"))[1]
    kept = sorted(out.glob("*.tar"))[0].stat().st_mtime_ns
    lost.write_bytes(lost.read_bytes()[:100])
    (out / "manifest.json").unlink()
    assert publishing.main([*flags, str(out)]) == 0
    remote = Folder(f"{s3}/tars")

    assert digests(out) == digests(tmp_path / "a")
    assert sorted(out.glob("*.tar"))[0].stat().st_mtime_ns == kept
    assert {name: sha256(data) for name, data in remote.read_each(list(remote.list()))} == digests(tmp_path / "a")
    assert not list(out.glob("test-*"))


def test_values_are_written_as_json_has_them():
    nested = pa.struct([("at", pa.list_(pa.float64())), ("size", pa.float32())])
    schema = pa.schema({"a": pa.float32(), "b": pa.float64(), "c": pa.uint64(), "d": nested, "e": pa.binary()})
    exact = 1732599000.123
    row = {"a": 0.1, "b": exact, "c": 255, "d": {"at": [exact, math.inf], "size": math.nan}, "e": b"\x01"}

    assert list(plain_rows(pa.Table.from_pylist([row, {"b": -math.inf}], schema))) == [
        {"a": 0.1, "b": exact, "c": "00000000000000ff", "d": {"at": [exact, None], "size": None}, "e": "01"},
        dict.fromkeys("abcde"),
    ]


def test_an_image_is_named_by_its_format():
    kinds = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "TIFF": "tif", "BMP": "bmp"}

    assert {kind: suffix(encoded(blocks(1, 20, 10), kind)) for kind in kinds} == kinds


def test_datasets_reads_the_tars(mixed, tmp_path):
    flags = ["--split", "train", "--config", "general", "--ending", "png", "--to", str(tmp_path / "tars")]
    assert publishing.main(["export", str(mixed), *flags]) == 0
    files = [str(path) for path in (tmp_path / "tars").glob("*.tar")]
    loaded: list[dict[str, Any]] = list(
        load_dataset("webdataset", data_files=files, split="train", streaming=True, cache_dir=str(tmp_path / "cache"))
    )

    assert all(
        np.asarray(row["png"]).shape[:2] == (row["json"]["height_px"], row["json"]["width_px"]) for row in loaded
    )
    assert [row["json"]["id"] for row in loaded] == [row["id"] for row in rows(mixed, "train", "general")]


def test_a_rendered_dataset_is_exported_too_and_another_export_refused(whole, mixed, tmp_path, capfd):
    to = str(tmp_path / "tars")
    codes = [
        publishing.main(["export", str(whole), "--to", to]),
        publishing.main(["export", str(mixed), "--to", to]),
        publishing.main(["export", str(mixed), "--to", to + "2", "--config", "none"]),
        publishing.main(["export", str(mixed), "--to", to + "2", "--images-per-tar", "0"]),
        publishing.main(["export", str(whole), "--to", to + "2", "--split", "train"]),
    ]
    said = capfd.readouterr().err
    total = sum(len(pq.read_table(path)) for path in (whole / "data").iterdir())

    assert codes == [0, 1, 1, 1, 1]
    assert "is no mix and has no splits and configurations: leave out split and config" in said
    assert json.loads((tmp_path / "tars/manifest.json").read_text())["images"] == total
    assert "was begun by another job" in said
    assert "has no image to export (*/none of splits and configurations)" in said
    assert "images_per_tar is 0: give at least 1" in said
