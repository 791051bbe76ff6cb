"""A small corpus to curate, good and bad files in it, and the curation run in this process or as a user would."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.curation import curating
from tests.curate.pictures import black_png, blocks, encoded, with_orientation
from tests.pipelines.small_job import ROOT, start_script

SCRIPT = ROOT / "pipelines/curate.py"
SCORERS = ("sanity", "fingerprint")
RULES = """
sharp:
  about: All but the small ones.
  rules:
    - {column: "min(width_px, height_px)", at_least: 64}
  weight: {column: entropy_bits, at: 4}
  categories:
    - {name: PNG, where: 'format == "PNG"'}
    - {name: rest}
"""
SLOW_SCORER = """
import time
import pyarrow as pa


class Slow:
    schema = pa.schema([pa.field("slow", pa.float32(), metadata={"about": "nothing"})])
    version = "1"

    def __call__(self, pictures):
        time.sleep(0.1 * len(pictures))
        return pa.RecordBatch.from_pylist([{"slow": 1.0}] * len(pictures), schema=self.schema)
"""
NUM_GOOD, NUM_SHARDS = 24, 3


def picture(number: int, fmt: str = "PNG", side_px: int = 96) -> bytes:
    """An image file like no other."""
    return encoded(blocks(number, side_px + number, side_px), fmt)


def write_good(folder: Path, count: int = NUM_GOOD) -> Path:
    """Good images of several formats, each its own file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        fmt = ("PNG", "JPEG", "WEBP")[number % 3]
        (folder / f"{number:02d}.{fmt.lower()}").write_bytes(picture(number, fmt))
    return folder


def write_odd(folder: Path) -> Path:
    """Files that are unusual and whole: each is to be scored like any other."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = blocks(90, 96, 80)
    modes = {"cmyk.jpg": ("JPEG", "CMYK"), "alpha.png": ("PNG", "RGBA"), "palette.gif": ("GIF", "P")}
    for name, (fmt, mode) in modes.items():
        (folder / name).write_bytes(encoded(pixels, fmt, mode))
    (folder / "deep.png").write_bytes(encoded(pixels[..., 0].astype("uint16") * 257, "PNG"))
    (folder / "wrong_ending.png").write_bytes(encoded(pixels, "JPEG"))
    (folder / "turned.jpg").write_bytes(with_orientation(pixels, "JPEG", 6))
    return folder


def write_bad(folder: Path) -> dict[str, tuple[str, str]]:
    """Bad inputs; the status and reason that each name is to get."""
    folder.mkdir(parents=True, exist_ok=True)
    jpeg, png = picture(1, "JPEG"), picture(2)
    for name, data in {
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.png": png[: len(png) // 2],
        "nothing.jpg": b"",
        "page.jpg": b"<!DOCTYPE html><title>404</title>",
        "huge.png": black_png(13_000, 1_000),
        "larger.png": black_png(30_000, 100),
    }.items():
        (folder / name).write_bytes(data)
    write_tar(folder / "evil.tar", {"../../up.png": png, "in.png": png})
    write_tar(folder / "short.tar", {"a.png": png, "b.png": png})
    os.truncate(folder / "short.tar", 512 + -(-len(png) // 512) * 512 + 700)
    write_parquet(folder / "half.parquet", [png] * 3)
    os.truncate(folder / "half.parquet", (folder / "half.parquet").stat().st_size // 2)
    return {
        "cut.jpg": ("truncated", "truncated"),
        "cut.png": ("truncated", "truncated"),
        "nothing.jpg": ("zero bytes", "zero bytes"),
        "page.jpg": ("not an image", "not an image"),
        "huge.png": ("too many pixels", "169000000 pixels: over the 128000000 allowed"),
        "larger.png": ("too many pixels", "900000000 pixels: over the 128000000 allowed"),
        "evil.tar/up.png": ("unsafe name", "unsafe name: '../../up.png' leads out of its tar"),
        "short.tar/b.png": ("truncated", "truncated: its tar ends early"),
        "short.tar": ("tar damaged or cut short", "tar damaged or cut short: after 2 files"),
        "half.parquet": ("Parquet file damaged or cut short", "Parquet file damaged or cut short"),
    }


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def write_parquet(path: Path, images: list[bytes], licence: str = "CC0-1.0") -> None:
    pq.write_table(pa.table({"image": images, "licence": [licence] * len(images)}), path, row_group_size=2)


def flags(command: str, out: Path | str, source: Path | None, *more: str) -> list[str]:
    """The arguments of a command; score and run without OCR and with quick scorers."""
    args = [command, "--out", str(out)]
    if source is not None:
        args += ["--source", str(source), "--ocr", "none", "--scorers", *SCORERS]
    return [*args, *more]


def curate(command: str, out: Path | str, source: Path | None = None, *more: str) -> int:
    """Run a command in this process; its exit code."""
    return curating.execute(curating.parse_command(flags(command, out, source, "--workers", "0", *more)))


def start(
    command: str,
    out: Path,
    source: Path | None,
    *more: str,
    script: Path = SCRIPT,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Run a command as a user would, on two workers, in a process group of its own."""
    return start_script(script, flags(command, out, source, "--workers", "2", *more), cwd, env)


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every shard, sidecar, list and selection there is, temporary files included."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix in (".parquet", ".json", ".tmp")
    )
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def rows(folder: Path, part: str = "scores") -> dict[str, dict[str, Any]]:
    """The rows of a part of a curation by id."""
    tables = [pq.read_table(path) for path in sorted((folder / part / "data").glob("*.parquet"))]
    return {row["id"]: row for table in tables for row in table.to_pylist()}
