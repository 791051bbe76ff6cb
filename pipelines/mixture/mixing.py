"""Makes a mix: inputs opened, folder claimed, rows planned, card written, shards copied, totals told."""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tyro
import yaml

from pipelines.exits import exit_code
from pipelines.mixture.card import card_text, untested_text
from pipelines.mixture.inputs import Input, lineage_of, mixed_schema, open_inputs
from pipelines.mixture.job import MixJob
from pipelines.mixture.orders import Cell
from pipelines.mixture.plan import Plan, has_plan, has_this_plan, make_plan, read_plan, workers_for
from pipelines.mixture.previews import write_previews
from pipelines.mixture.settings import MIX_RECIPES, Mixture, Running, typed
from pipelines.mixture.statistics import STATISTICS_FILE, Part, check_planned, part_folder, parts_of, statistics_of
from pipelines.mixture.without import read_removed, take_out
from pipelines.pools import one_thread
from pipelines.recipe_files import field_names, flags_of, part, read_recipe, recipe_path, take_recipe
from pipelines.runner import run, workers_of
from pipelines.shardloop import ShardsFailed
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, check_free, claim_folder

PROG = "mix.py"
RECIPE_FILE = "recipe.yaml"
MAX_SHOWN = 20
SHARDS_A_WORKER = 4  # that make up for the start of a process
DESCRIPTION = """Mix rendered datasets and packed selections into one Hugging Face dataset of exact ratios, with \
splits that share no source.

--recipe NAME|FILE is the base (default, or a YAML file of the fields below); every other flag overrides it. The \
same command again resumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is mixed, and where it runs."""

    mixture: Mixture
    running: Running


def parse_settings(args: Sequence[str]) -> Settings:
    """Settings of a command line. Raises SystemExit with a message where a flag or a value does not fit."""
    recipe, rest = take_recipe(args, "default")
    try:
        path = recipe_path(recipe, MIX_RECIPES)
        values = read_recipe(path, field_names(Mixture, Running), MIX_RECIPES)
        settings = tyro.cli(
            Settings,
            args=rest,
            default=Settings(mixture=part(Mixture, values, typed), running=part(Running, values, typed)),
            prog=PROG,
            description=DESCRIPTION,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"{PROG}: {error}") from None
    return Settings(mixture=settings.mixture.absolute(), running=settings.running.absolute())


def execute(settings: Settings) -> int:
    """Do what the settings say; the process's exit code."""
    one_thread()

    def command() -> None:
        if settings.running.without:
            print(_take_out(settings))
        else:
            print(_estimate(settings) if settings.running.dry_run else make(settings))

    return exit_code(PROG, command, faults=(ShardsFailed,))


def make(settings: Settings) -> str:
    """Mix, or what is missing of it; the totals."""
    mixture, running = settings.mixture, settings.running
    inputs = open_inputs(mixture.inputs)
    out, schema = Folder(running.out), mixed_schema(inputs)
    identity = {"inputs": {one.name: one.digest for one in inputs}, "without": []} | mixture.identity()
    for folder in (out, Folder(running.plan)):
        folder.sweep()  # what a killed driver was writing
    if out.exists(JOB_FILE):
        _claim(out, identity)
    else:
        check_free(out)
    workers = running.workers if running.backend == "ray" else workers_of(running.workers)
    plan = make_plan(inputs, mixture, running.plan, num_workers=workers, backend=running.backend)
    _claim(out, identity)  # only now, so that ratios that cannot be had may be mended
    _write_beginning(out, settings, inputs, schema, plan)
    for cell in plan.cells:
        if cell.images:
            _copy(cell, settings, inputs, workers)
    finish(running.out, schema, plan)
    _warn(plan)
    return f"{describe(plan)}\ndataset  {running.out}\ncard     {running.out}/README.md"


def _warn(plan: Plan) -> None:
    """Say on standard error what the test split lacks."""
    if plan.untested:
        print(f"{PROG}: warning: {untested_text(plan.untested)}", file=sys.stderr)


def _claim(out: Folder, identity: dict[str, Any]) -> None:
    """Make the folder this mix's. Raises ValueError where it is another's."""
    remedy = "Name another --out, or go back to what it was begun with."
    claim_folder(out, identity, remedy, flags=flags_of(Mixture) | {"without": "--without"})


def _write_beginning(out: Folder, settings: Settings, inputs: Sequence[Input], schema: pa.Schema, plan: Plan) -> None:
    """The recipe, the lineage of every input and, where there is none yet, a card."""
    out.put(RECIPE_FILE, yaml.safe_dump(_recipe(settings), sort_keys=False, allow_unicode=True).encode())
    for one in inputs:
        out.put(f"lineage/{one.name}.json", json.dumps(lineage_of(one), indent=1, ensure_ascii=False).encode())
    if not out.exists("README.md"):
        write_card(settings.running.out, schema, plan)


def _copy(cell: Cell, settings: Settings, inputs: Sequence[Input], workers: int) -> None:
    """Copy a cell's images into shards of its own; `workers` as `run` takes them, fewer where they are too many."""
    mixture, running = settings.mixture, settings.running
    num_shards = -(-cell.images // mixture.images_per_shard)
    run(
        partial(MixJob, inputs, running.plan, cell, mixture.images_per_shard),
        num_shards,
        f"{running.out}/{cell.place}",
        num_workers=workers_for(num_shards, workers, SHARDS_A_WORKER),
        backend=running.backend,
        unit=f"images of {cell.place}",
    )


def _recipe(settings: Settings) -> dict[str, Any]:
    """The mixture as a recipe file would hold it."""
    return {"inputs": list(settings.mixture.inputs)} | settings.mixture.identity()


def finish(url: str, schema: pa.Schema, plan: Plan | None) -> None:
    """Write previews, statistics and the card from the shards that are there. Raises ValueError where they are not
    those planned."""
    parts = parts_of(url)
    if plan and not read_removed(Folder(url)):
        check_planned(parts, plan)
    previews = write_previews(url, parts)
    Folder(url).put(STATISTICS_FILE, json.dumps(statistics_of(url, parts), indent=1, ensure_ascii=False).encode())
    write_card(url, schema, plan, parts, previews)


def write_card(
    url: str, schema: pa.Schema, plan: Plan | None, parts: Sequence[Part] = (), previews: Sequence[str] | None = None
) -> None:
    """Write the card: before the first shard, so that the folder loads at every moment, and with totals after."""
    root = Folder(url)
    lineage = [json.loads(data) for _, data in root.read_each(list(root.list("lineage")))]
    facts = {
        "recipe": yaml.safe_load(root.read(RECIPE_FILE)),
        "plan": plan,
        "places": [(cell.split, cell.config) for cell in plan.cells if cell.images] if plan else [],
        "inputs": [{"name": one["name"]} for one in lineage],
        "removed": read_removed(root),
        "previews": previews or [],
        "done": previews is not None,
    }
    root.put("README.md", card_text(url, parts, schema, facts).encode())


def _take_out(settings: Settings) -> str:
    running = settings.running
    if settings.mixture.inputs:
        raise ValueError("inputs and without are given together: take sources out of a finished dataset by --out alone")
    rows = take_out(running.out, running.without, dry_run=running.dry_run)
    names = ", ".join(running.without)
    if running.dry_run:
        return "\n".join([f"{len(rows):,} rows of {names} would go:", *_shown(rows)])
    parts = parts_of(running.out)
    if not parts:
        raise ValueError(f"{running.out} has no row left: remove it")
    folder = part_folder(running.out, parts[0].split, parts[0].config)
    with folder.open(shard_name(min(read_manifest(folder)))) as file:
        schema = pq.read_schema(file)
    finish(running.out, schema, read_plan(running.plan) if has_plan(running.plan) else None)
    told = f"all of them are named in {running.out}/removed.jsonl"
    return "\n".join([f"{len(rows):,} rows of {names} went:", *_shown(rows), told])


def _shown(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The first rows, a line each, and how many more there are."""
    shown = [f"  {row['split']}/{row['config']}  {row['id']}  {row['source']}" for row in rows[:MAX_SHOWN]]
    return shown + [f"  and {len(rows) - MAX_SHOWN:,} more"] * (len(rows) > MAX_SHOWN)


def _estimate(settings: Settings) -> str:
    """What would be mixed; the plan is made for that, in a folder that goes again, unless it is there."""
    mixture, running = settings.mixture, settings.running
    inputs = open_inputs(mixture.inputs)
    mixed_schema(inputs)
    with tempfile.TemporaryDirectory() as scratch:
        there = has_this_plan(running.plan, inputs, mixture)
        workers = workers_of(running.workers) if running.backend != "ray" else 0
        plan = make_plan(inputs, mixture, running.plan if there else scratch, num_workers=workers, backend="processes")
    _warn(plan)
    return f"would mix into {running.out}\n{describe(plan)}"


def describe(plan: Plan) -> str:
    """A plan for the terminal."""
    lines = [f"{'split':<6} {'configuration':<18} {'images':>12} {'of':>12} {'share':>7} {'megapixels':>12} {'MB':>10}"]
    totals = {split: sum(cell.images for cell in plan.cells if cell.split == split) for split in ("train", "test")}
    for cell in plan.cells:
        share = cell.images / max(1, totals[cell.split])
        lines.append(
            f"{cell.split:<6} {cell.config:<18} {cell.images:>12,} {cell.available:>12,} {share:>7.2%} "
            f"{cell.pixels / 1e6:>12,.1f} {cell.bytes / 1e6:>10,.1f}"
        )
    lines.append(f"left out of both splits, near a held-out source: {plan.near:,} rows")
    lines.append(f"left out, copies of a file that another row holds: {plan.copies:,} rows")
    for name, count in plan.unprinted.items():
        lines.append(f"{name}: the photos of {count:,} rows cannot be fingerprinted: only the same file is found again")
    return "\n".join(lines)
