"""What the documentation shows runs as it is written, and what it names exists."""

import hashlib
import json
import re
import shlex
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from pipelines.curation import curating
from pipelines.mixture import mixing

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: (?P<name>[\w.]+)\n")
LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(#[^)]*)?\)")


def run_command(line: str) -> None:
    """Run a command line of the documentation in this process."""
    python, script, *args = shlex.split(line)
    assert python == "python"
    if script == "pipelines/curate.py":
        assert curating.execute(curating.parse_command(args)) == 0, line
    else:
        assert script == "pipelines/mix.py"
        assert mixing.execute(mixing.parse_settings(args)) == 0, line


def test_the_code_of_extending_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    known = set(sys.modules)
    page = (ROOT / "docs/extending.md").read_text()
    blocks = [(match["kind"], match["code"]) for match in BLOCK.finditer(page)]
    names: dict[str, object] = {}
    from render.layouts.kinds import LAYOUTS

    before = dict(LAYOUTS)
    try:
        for kind, code in blocks:
            if match := FILE.match(code):
                Path(match["name"]).write_text(code)
            elif kind == "python":
                exec(compile(code, "docs/extending.md", "exec"), names)
            else:
                assert kind == "sh"
                for line in code.splitlines():
                    run_command(line)
    finally:
        LAYOUTS.clear()
        LAYOUTS.update(before)
        for name in set(sys.modules) - known:
            if name == "postcard":
                del sys.modules[name]

    assert len(blocks) >= 12
    assert Path("set/README.md").exists()


PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_documentation_lead_somewhere(page):
    text = (ROOT / page).read_text()
    targets = [match["target"] for match in LINK.finditer(text) if "://" not in match["target"]]

    assert [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page not in ("CHANGELOG.md", "docs/recipes.md", "docs/data.md")]
)
def test_files_that_the_documentation_names_exist(page):
    text = (ROOT / page).read_text()
    named = set(
        re.findall(r"(?<![\w/])((?:pipelines|curate|render|fonts|train|tests)/[\w/]+\.(?:py|sh|yaml|json))\b", text)
    )

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, arguments), continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_dockerfile_copies_what_there_is_and_all_that_is_installed():
    copied = [
        part
        for name, rest in instructions()
        if name == "COPY"
        for part in shlex.split(rest)[:-1]
        if not part.startswith("--")
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = [name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]]

    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert allowed == set(copied)
    assert {*packages, "pyproject.toml", "constraints.txt", project["project"]["readme"], "LICENSE"} <= set(copied)


def test_the_dockerfile_installs_known_extras_by_the_constraints_on_a_supported_python():
    known = instructions()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    arguments = dict(rest.split("=", 1) for name, rest in known if name == "ARG")
    installs = [rest for name, rest in known if name == "RUN" and "pip install" in rest]

    assert set(arguments["EXTRAS"].split(",")) <= project["optional-dependencies"].keys()
    assert 11 <= int(arguments["PYTHON"].split(".")[1]) < 15
    assert len(installs) == 1
    assert "--constraint constraints.txt" in installs[0]
    assert '".[${EXTRAS}]"' in installs[0]
    assert [rest for name, rest in known if name == "USER"] == ["1000"]


@pytest.mark.parametrize("name", ["Makefile", "cluster.yaml", "Dockerfile"])
def test_every_way_to_install_brings_what_s3_needs(name):
    [extras] = re.findall(r"(?:'\.|sources)\[(ocr,[^]]*)\]|^ARG EXTRAS=(.*)$", (ROOT / name).read_text(), re.MULTILINE)[
        :1
    ]

    assert "s3" in "".join(extras).split(",")


def test_the_reference_of_recipes_is_that_of_the_code():
    from pipelines.reference import JOBS, reference, texts_of

    kinds = [kind for _, kinds in JOBS.values() for kind in kinds]

    assert (ROOT / "docs/recipes.md").read_text() == reference()
    assert all(texts_of(kind).keys() == {field.name for field in fields(kind)} for kind in kinds)
    assert all((ROOT / folder).is_dir() for folder, _ in JOBS.values())


def test_the_recipe_of_one_s_own_loads_and_every_field_of_a_stage_is_told(tmp_path):
    from train.command_line import load_run
    from train.curriculum import Stage

    section = (ROOT / "docs/training.md").read_text().partition("## A recipe of your own")[2].partition("\n## ")[0]
    (tmp_path / "mine.yaml").write_text(section.split("```")[1].removeprefix("yaml\n"))
    run = load_run(str(tmp_path / "mine.yaml"))

    assert [stage.name for stage in run.stages] == ["photos", "text"]
    assert (run.model, run.optimiser.seed) == (load_run("f16c64").model, 1)
    assert [field.name for field in fields(Stage) if f"`{field.name}`" not in section] == []


def table_rows(name: str) -> list[list[str]]:
    """The rows of all tables of a page, as cells."""
    lines = (ROOT / name).read_text().splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]


def test_costs_of_a_billion_images_are_those_measured():
    scaling, curation = table_rows("docs/scaling.md"), table_rows("docs/curation.md")
    costs = {row[0]: row for row in scaling}
    pixels = next(float(row[1]) for row in curation if row[0].startswith("decode and all pixel scorers"))
    plan = float(scaling[-1][2]) / float(scaling[-1][1].replace(",", ""))

    assert float(costs["pixel scores, 1.4 Mpx JPEG"][1]) == round(1 / pixels, 4)
    assert f"about {1000 / pixels:.0f} ms of CPU" in (ROOT / "README.md").read_text()
    assert costs["plan a mix, a row"][1] == f"{plan:.7f}"
    assert costs["plan a mix, a row"][3:] == [f"{plan * 1e9 / 3600:.1f}", f"one process: {plan * 1e9 / 3600:.1f} h"]


def test_the_files_that_figures_rest_on_are_named_as_they_are(data):
    rows = [json.loads(line) for line in (ROOT / "docs/data.jsonl").read_text().splitlines()]
    there = [row for row in rows if (data / row["file"]).exists()]

    assert len(there) == len(rows) > 200
    assert all(hashlib.sha256((data / row["file"]).read_bytes()).hexdigest() == row["sha256"] for row in rows)
    assert all(re.fullmatch(r"[0-9a-f]{40}", row["commit"]) and row["licence"] and "/" in row["repo"] for row in rows)
