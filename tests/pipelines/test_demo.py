import importlib.util
import json
import os
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.corpora.sources import BUILTIN_PHOTOS
from pipelines.demonstration import commands, running
from pipelines.demonstration.commands import Step, steps_of
from pipelines.demonstration.inputs import SPOILT, write_corpus
from pipelines.demonstration.model_page import panels_of, tiles_of
from pipelines.demonstration.page import page_of
from pipelines.demonstration.settings import Demo, parse_demo
from pipelines.demonstration.steps import Runner, StepError, Taken
from pipelines.shards.codec import decode, encode
from pipelines.shards.folder import Folder

ROOT = Path(__file__).parents[2]
SMALLER = {  # the last of equal flags counts
    commands.RENDER: "--backend inline --layouts line=1",
    commands.CURATE: "--backend inline --ocr none --calibrate-images 2",
    commands.MIX: "--backend inline",
    commands.TRAIN: "--encoder-width 2 --decoder-width 2 --num-workers 0 --num-eval 2 --device cpu",
    commands.EVALUATE: "--ocr-workers 0 --device cpu",
    commands.CHARTS: "--backend inline --size-px 12 13 --targets-per-chart 16",
    commands.ACUITY: "--ocr none --device cpu",
}


def script(path: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"demo_{Path(path).stem}", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def do(step: Step) -> None:
    """The command of a step, smaller, in this process."""
    _, path, *args = step.argv
    more = SMALLER.get(step.name, SMALLER.get(step.name.partition(" ")[0], ""))
    here = os.getcwd()
    try:
        code = script(str(Path(path).resolve().relative_to(ROOT))).main([*args, *more.split()])
    finally:
        os.chdir(here)
    assert code == 0, step.command


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    return Demo(out=str(tmp_path_factory.mktemp("demo") / "of two words"), num_images=40, num_crops=96, num_held_out=4)


@pytest.fixture(scope="module")
def made(demo) -> Path:
    """The folder of a small demo, every step really done."""
    out = Path(demo.out)
    for step in steps_of(demo):
        running._prepare(step, demo)
        do(step)
        assert (out / step.makes).is_file(), step.name
    return out


class Page(HTMLParser):
    """What a page holds: texts, addresses that lead out of it, pictures, drawings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.num_images = self.num_drawings = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href") or ""
        self.addresses += [address] if address and not address.startswith("#") else []
        self.num_images += tag == "img"
        self.num_drawings += tag == "svg"

    def handle_data(self, data: str) -> None:
        self.texts += [data.strip()] if data.strip() else []


@pytest.fixture(scope="module")
def page(demo, made) -> Page:
    steps = steps_of(demo)
    taken = {step.name: Taken(command=step.command, seconds=60, cpu_seconds=90, is_done=True) for step in steps}
    return Page(page_of(demo, steps, taken))


def test_the_page_names_every_command_and_links_reports_that_are_there(demo, made, page):
    text = "\n".join(page.texts)

    assert all(step.command in text for step in steps_of(demo))
    assert len(page.addresses) > 10
    assert [address for address in page.addresses if not (made / address).is_file()] == []
    assert {"run/report.html", "curated/report.html", "acuity/report.html", "mix/README.md"} <= set(page.addresses)


def test_every_spoilt_copy_is_rejected_for_what_was_done_to_it(made, page):
    rows = pq.read_table(made / "curated/selections/general/rows.parquet").to_pylist()
    found = {row["id"].partition("/")[2]: row["reason"] for row in rows}
    reasons = [found.pop(one.name) for one in SPOILT]

    assert reasons == [
        "clarity under 0.5",
        "subject under 0.05",
        "upscale over 0.5",
        "blockiness over 1.2",
        "noise_sigma over 8",
        "duplicate (near)",
        "truncated",
    ]
    assert found == dict.fromkeys(BUILTIN_PHOTOS)
    assert {reason for reason in reasons if reason not in page.texts} == set()


def test_the_page_shows_what_was_made(made, page):
    held = json.loads((made / "mix/statistics.json").read_text())["test"]
    tiles = min(8, sum(min(2, part["images"]) for part in held.values()))
    pages, photos = 4 * 4, 2 * (len(SPOILT) + len(BUILTIN_PHOTOS) - 1)  # one of them cannot be shown

    assert page.num_images == pages + photos + 1 + tiles + 1  # the curves; what is side by side
    assert page.num_drawings == 1 + 2  # verdicts; forced choice in English and Chinese
    assert {"5-7 px", "7-10 px", "10-14 px", "14-20 px"} <= set(page.texts)


def test_identity_keeps_all_and_the_page_says_so(page):
    at = page.texts.index("identity")

    assert page.texts[at + 1 : at + 4] == ["80.000", "1.000", "1.000"]


def test_held_out_pages_are_files_of_the_test_split_and_of_every_band(made):
    shards = (made / "mix/test").glob("*/data/*.parquet")
    rows = [row for shard in shards for row in pq.read_table(shard, columns=["image", "band"]).to_pylist()]
    bands = {row["image"]["bytes"]: row["band"] for row in rows}
    files = sorted((made / "held-out").iterdir())

    assert len(files) == 4
    assert [bands[file.read_bytes()] for file in files] == [file.name.rpartition("-")[0] for file in files]
    assert len({file.name.rpartition("-")[0] for file in files}) == len({band for band in bands.values() if band})


def test_the_corpus_is_the_same_each_time_and_names_its_licences(tmp_path):
    for name in ("a", "b"):
        assert write_corpus(Folder(str(tmp_path / name))) == len(SPOILT) + len(BUILTIN_PHOTOS)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    licences = [json.loads(line) for line in (tmp_path / "a/manifest.jsonl").read_text().splitlines()]

    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    assert {row["file"] for row in licences} == set(files) - {"manifest.jsonl"}
    assert {row["licence"] for row in licences if row["file"].startswith("chelsea")} == {"CC0-1.0"}


def test_a_sample_sheet_is_cut_into_its_columns_or_shown_whole():
    columns = [np.full((8, 4, 3), value, np.uint8) for value in (10, 20, 30)]
    gap = np.full((8, 8, 3), 255, np.uint8)
    sheet = encode(np.concatenate([columns[0], gap, columns[1], gap, columns[2]], axis=1))
    [*tiles] = tiles_of(sheet, ["a", "b", "b"])
    [[whole]] = tiles_of(sheet, ["a", "b"])

    assert [tile.caption for [tile] in tiles] == ["a", "b", "b"]
    assert all(np.array_equal(decode(tile.data), pixels) for [tile], pixels in zip(tiles, columns, strict=True))
    assert whole.data == sheet


def test_panels_of_a_plot_fit_any_window():
    inner = '<svg x="1" y="2" width="3" height="4" viewBox="0 0 3 4"><text>a</text></svg>'
    plot = f'<svg xmlns="http://www.w3.org/2000/svg" width="9"><rect/>{inner}\n</svg>'
    [panel] = panels_of(plot)

    assert str(panel.svg) == '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 4"><text>a</text></svg>'


def test_commands_stay_one_word_a_value_and_take_workers_where_they_can():
    steps = {step.name: step for step in steps_of(Demo(out="a b", workers=2))}

    assert shlex.split(steps["render"].command) == list(steps["render"].argv)
    assert "a b/rendered" in steps["render"].argv
    assert [name for name, step in steps.items() if step.argv[-2:] == ("--workers", "2")] == [
        "render",
        "curate",
        "mix",
        "charts",
    ]


def python_step(tmp_path: Path, code: str) -> Step:
    return Step(name="one", argv=(sys.executable, "-c", code, str(tmp_path / "made")), makes="made")


WRITE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('x')"


def test_a_step_that_is_done_is_left_alone_until_something_before_it_changes(tmp_path, capfd):
    step, out = python_step(tmp_path, WRITE), Folder(str(tmp_path))
    Runner(out).run(step)
    again = Runner(out)

    assert step.command in capfd.readouterr().out
    assert again.is_done(step)
    assert again.taken["one"].seconds > 0
    assert not again.is_done(python_step(tmp_path, f"{WRITE}  # another command"))
    again.run(Step(name="before", argv=(sys.executable, "-c", ""), makes="made"))
    assert not again.is_done(step)
    (tmp_path / "made").unlink()
    assert not Runner(out).is_done(step)


def test_a_step_that_fails_is_named_with_its_command_and_its_time_counts(tmp_path):
    step, out = python_step(tmp_path, "raise SystemExit(3)"), Folder(str(tmp_path))
    with pytest.raises(StepError, match=r"one failed \(exit code 3\)") as caught:
        Runner(out).run(step)
    first = Runner(out).taken["one"].seconds
    with pytest.raises(StepError):
        Runner(out).run(step)

    assert step.command in str(caught.value)
    assert not Runner(out).is_done(step)
    assert Runner(out).taken["one"].seconds > first > 0


def test_ctrl_c_waits_for_the_step_to_save(tmp_path):
    code = (
        "import os, pathlib, signal, sys, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(0.6); "
        "pathlib.Path(sys.argv[1]).write_text('saved'); sys.exit(130)"
    )
    step, out = python_step(tmp_path, code), Folder(str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        Runner(out).run(step)

    assert (tmp_path / "made").read_text() == "saved"
    assert not Runner(out).is_done(step)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--num-images", "3"], "num_images is 3: use 40 or more"),
        (["--num-crops", "100"], "num_crops is 100: use a multiple of 96"),
        (["--out", "s3://bucket/x"], "name a local folder"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(args, message, capsys):
    with pytest.raises(SystemExit):
        parse_demo(args)

    assert message in capsys.readouterr().err


def test_a_folder_of_another_demo_is_refused_and_the_difference_shown(tmp_path, capsys):
    first, second = Demo(out=str(tmp_path), num_crops=96), Demo(out=str(tmp_path), num_crops=192)
    running.claim(first)

    assert running.demonstrate(second) == 1
    assert "num_crops: 96 -> 192" in capsys.readouterr().err


def test_the_script_prints_its_commands_without_running_them(tmp_path):
    found = subprocess.run(
        [sys.executable, ROOT / "pipelines/demo.py", "--dry-run", "--out", "x"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    commands_told = found.stdout.splitlines()

    assert len(commands_told) == len(steps_of(Demo()))
    assert commands_told[0].endswith("--backend processes --out x/rendered")
    assert list(tmp_path.iterdir()) == []
