"""Datasets uploaded to a Hub that answers: every file arrives, the same command goes on, the token is never shown."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.publication import publishing
from pipelines.publication.uploading import HIDDEN, Scrubbed, without_secret
from tests.digests import digests, sha256
from tests.pipelines.hub import Hub, running_hub
from tests.pipelines.small_job import ROOT

TOKEN = "hf_" + "secretsecretsecret"

SCRIPT = ROOT / "pipelines/publish.py"


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
