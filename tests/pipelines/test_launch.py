"""The script away from its checkout, among modules that bear our names, and on workers of two Ray nodes."""

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fonts.cache import cache_folder
from tests.pipelines import curation
from tests.pipelines.small_job import ROOT, SCRIPT, parent_of, shards, stop_writer

PACKAGES = ("fonts", "render", "curate", "pipelines")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    tree = tmp_path_factory.mktemp("tree")  # a build leaves things in its tree
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    command = [sys.executable, "-c", build]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tree / done.stdout.split()[-1]


@pytest.fixture(scope="session")
def installed(wheel: Path, site: Path, whole: Path) -> Path:
    """The folder of installed packages, with this one in it as pip would leave it, and what `whole` compiled."""
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    for compiled in (path for name in PACKAGES for path in (ROOT / name).rglob("*.nb[ic]")):
        copy = site / compiled.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy2(compiled, copy)
    for source in (path for name in PACKAGES for path in (ROOT / name).rglob("*.py")):
        shutil.copystat(source, site / source.relative_to(ROOT))  # by which numba knows what it compiled
    return site


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    names = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert names <= set(zipfile.ZipFile(wheel).namelist())


def test_a_lone_script_in_an_empty_home_on_two_nodes(tmp_path, ray_cluster, installed, start, whole):
    """As `ray submit` runs it; both halves of the trap: the script's folder and the working directory."""
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    script = Path(shutil.copy(SCRIPT, home))
    surroundings = {"HOME": str(home), "PYTHONPATH": str(installed), "RAY_ADDRESS": ray_cluster}
    surroundings["SMALLPRINT_CACHE"] = str(cache_folder())  # what is known of fonts, made once
    driver = start(out, script=script, cwd=home, env=surroundings)
    first = stop_writer(out)
    second = stop_writer(out, but_of=parent_of(first))  # a worker's parent is its node
    os.kill(first, signal.SIGKILL)
    os.kill(second, signal.SIGCONT)
    said, _ = driver.communicate(timeout=90)

    assert driver.returncode == 0, said
    assert "its worker was lost: " in said
    assert "; trying it again" in said
    assert shards(out) == shards(whole)


def test_a_lone_curate_script_in_an_empty_home_on_two_nodes(tmp_path, ray_cluster, installed):
    home, out, source = tmp_path / "home", tmp_path / "out", curation.write_good(tmp_path / "source")
    home.mkdir()
    script = Path(shutil.copy(curation.SCRIPT, home))
    surroundings = {"HOME": str(home), "PYTHONPATH": str(installed), "RAY_ADDRESS": ray_cluster}
    driver = curation.start("score", out, source, script=script, cwd=home, env=surroundings)
    said, _ = driver.communicate(timeout=180)
    code = curation.curate("score", tmp_path / "here", source)

    assert (driver.returncode, code) == (0, 0), said
    assert curation.digests(out) == curation.digests(tmp_path / "here")


def test_a_folder_of_modules_with_our_names(tmp_path, start, whole):
    for name in PACKAGES:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('this is not the package')\n")
    driver = start(Path("out"), "--backend", "processes", "--workers", "1", cwd=tmp_path)
    said, _ = driver.communicate(timeout=180)

    assert driver.returncode == 0, said
    assert f"dataset     {tmp_path}/out" in said
    assert shards(tmp_path / "out") == shards(whole)
