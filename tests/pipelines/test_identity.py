"""Folders belong to one job: another, or other libraries, is refused with the difference."""

import json

import pytest

from pipelines.shards.files import write_shard
from pipelines.shards.folder import Folder
from pipelines.shards.identity import claim_folder, difference, library_versions
from tests.pipelines.toy_job import ToyJob


def test_a_folder_belongs_to_one_job(any_folder):
    identity = {"recipe": {"bands": [0.5, 0.5], "seed": 1, "faces": {"a": "x" * 100}}}
    claim_folder(any_folder, identity)
    claim_folder(any_folder, json.loads(json.dumps(identity)))

    with pytest.raises(ValueError, match="was begun by another job") as refused:
        claim_folder(any_folder, {"recipe": {"bands": [0.5, 0.4], "seed": 2, "faces": {"b": 1}, "new": None}})

    lines = str(refused.value).splitlines()
    assert "  identity.recipe.bands.1: 0.5 -> 0.4" in lines
    assert "  identity.recipe.seed: 1 -> 2" in lines
    assert "  identity.recipe.faces.b: (none) -> 1" in lines
    assert "  identity.recipe.new: (none) -> null" in lines
    assert max(map(len, lines)) < 110 + len(any_folder.url)


def test_other_library_versions_are_refused(folder):
    claim_folder(folder, {"seed": 1})
    job = json.loads(folder.read("job.json"))
    job["versions"]["numpy"] = "0.9"
    folder.put("job.json", json.dumps(job).encode())

    with pytest.raises(ValueError, match=r"versions.numpy: \"0.9\" -> \"") as refused:
        claim_folder(folder, {"seed": 1})

    assert folder.url in str(refused.value)


def test_shards_of_nobody_are_refused(folder):
    write_shard(folder, 0, ToyJob(num_images=10), {})

    with pytest.raises(ValueError, match=r"holds other things \(data, manifest\)"):
        claim_folder(folder, {})


def test_a_file_in_place_of_a_folder_and_an_unknown_scheme_are_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(NotADirectoryError, match=f"^{tmp_path}/file is a file: name a folder$"):
        claim_folder(Folder(f"{tmp_path}/file"), {})
    with pytest.raises(ValueError, match=r"^s4://bucket/set cannot be opened \(.*s4\): use a local path or a URL"):
        Folder("s4://bucket/set")


def test_a_folder_of_other_things_is_refused_but_for_recipes_logs_and_what_is_the_jobs(any_folder):
    for name in ("recipe.yaml", "slurm-7.out", "lost+found/.keep", ".hidden", "photos/a.jpg"):
        any_folder.put(name, b"")
    any_folder.put("scores/job.json", b"{}")

    with pytest.raises(ValueError, match=r"holds other things \(photos, scores\)"):
        claim_folder(any_folder, {"seed": 1})
    with pytest.raises(ValueError, match=r"holds other things \(scores\)"):
        claim_folder(any_folder, {"seed": 1}, own=("photos",))
    claim_folder(any_folder, {"seed": 1}, own=("photos", "scores"))

    claim_folder(any_folder, {"seed": 1})


def test_versions_name_what_makes_the_bytes():
    versions = library_versions()

    assert {"smallprint", "numpy", "pillow", "isal", "freetype-py", "pyarrow"} <= versions.keys()
    assert all(versions.values())


def test_a_difference_deep_in_a_long_text_is_shown():
    old, new = (f"text 1, rapidocr 3.10.0 (PP-OCRv6_det_small 090f04abcd9d), reads {how}" for how in ("auto", "full"))

    [line] = difference({"version": old}, {"version": new})

    assert "auto" in line.split(" -> ")[0]
    assert "full" in line.split(" -> ")[1]
