"""A dataset as trainers of OCR read it: PaddleOCR's detection and recognition files, or line pictures."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipelines.progress import Progress
from pipelines.rendered.crops import cut, is_vertical
from pipelines.shards.codec import decode, encode
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, claim_folder
from pipelines.shards.images import suffix
from pipelines.shards.rows import Rows

COLUMNS = ("id", "image", "lines")
LABELS = ("text", "language", "size_px", "ink_px", "x_height_px", "contrast", "ink_density", "ground_std")
NAMES = ("face", "role", "style")
FILES_A_FOLDER = 1000  # images; file systems and people dislike a million names in one


class Format(NamedTuple):
    """The file of labels, and what writes one row's pictures and gives its lines for that file."""

    label_file: str
    write: Callable[[dict[str, Any], Path], Iterator[str]]


def export(url: str, to: str, fmt: str, limit: int = 0) -> int:
    """Write the first `limit` images (0: all) of a dataset to a new folder; how many there are.

    The folder appears whole: until then all lies in TO.partial, where the same call goes on after a stop.
    Raises ValueError where TO is there already, or TO.partial belongs to another export.
    """
    if fmt not in FORMATS:
        raise ValueError(f"format is {fmt!r}: use one of {', '.join(FORMATS)}")
    out = Path(to)
    if "://" in to:
        raise ValueError(f"{to} is a URL: an export goes to a local folder")
    if out.exists():
        raise ValueError(f"{to} is there already: name a folder that is not, or remove it")
    folder = Folder(url)
    rows = Rows(folder)
    num_rows = min(limit, len(rows)) if limit else len(rows)
    partial = out.absolute().with_name(f"{out.absolute().name}.partial")
    job = json.loads(folder.read(JOB_FILE)) if folder.exists(JOB_FILE) else {}
    claim_folder(Folder(str(partial)), {"dataset": folder.url, "job": job, "format": fmt, "num_images": num_rows})
    _write_parts(rows, num_rows, partial, FORMATS[fmt])
    _join_parts(partial, FORMATS[fmt].label_file)
    if fmt == "paddle-rec":
        _write_dictionary(partial)
    (partial / JOB_FILE).unlink()
    partial.rename(out)
    return num_rows


def _write_parts(rows: Rows, num_rows: int, partial: Path, fmt: Format) -> None:
    """The images of each shard, and then its part of the label file, which tells that they are there."""
    parts, done = Folder(str(partial)), 0
    missing = []
    for shard in rows.shards:
        numbers = [number for number in rows.range_of(shard) if number < num_rows]
        if parts.exists(_part_name(shard)):
            done += len(numbers)
        elif numbers:
            missing.append((shard, numbers))
    with Progress(num_rows, done) as progress:
        for shard, numbers in missing:
            labels: list[str] = []
            for row in rows.take(numbers, COLUMNS):
                labels += fmt.write(row, partial)
                progress.advance(1)
            parts.put(_part_name(shard), "".join(f"{line}\n" for line in labels).encode())


def _part_name(shard: int) -> str:
    return f"parts/{shard:06d}.txt"


def _join_parts(partial: Path, name: str) -> None:
    with (partial / name).open("wb") as file:
        for part in sorted((partial / "parts").iterdir()):
            file.write(part.read_bytes())
    shutil.rmtree(partial / "parts")


def _place(root: Path, row: dict[str, Any], rest: str) -> tuple[Path, str]:
    """Where a file of a row goes, and its name in the label file."""
    number = int(row["id"].rpartition("/")[2])
    name = f"images/{number // FILES_A_FOLDER:04d}/{number:07d}{rest}"
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path, name


def _detection(row: dict[str, Any], root: Path) -> Iterator[str]:
    """The image as it is; a line `path<TAB>[{"transcription": ..., "points": [[x, y] x 4]}, ...]`."""
    data = row["image"]["bytes"]
    path, name = _place(root, row, f".{suffix(data)}")
    path.write_bytes(data)
    boxes = [{"transcription": line["text"], "points": _rounded(line["quad_px"])} for line in row["lines"]]
    yield f"{name}\t{json.dumps(boxes, ensure_ascii=False)}"


def _rounded(quad_px: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[round(x, 2), round(y, 2)] for x, y in quad_px]


def _recognition(row: dict[str, Any], root: Path) -> Iterator[str]:
    """A picture of each line, a vertical one turned to lie as PaddleOCR does; lines `path<TAB>text`."""
    for name, line in _pictures(row, root, turns=True):
        yield f"{name}\t{line['text']}"


def _lines(row: dict[str, Any], root: Path) -> Iterator[str]:
    """A picture of each line and a row of JSON, as the `imagefolder` loader of `datasets` reads them."""
    for name, line in _pictures(row, root, turns=False):
        labels = {label: _short(line[label]) for label in (*LABELS, *NAMES)}
        extra = {"file_name": name, "record": row["id"], "vertical": is_vertical(line)}
        yield json.dumps(extra | labels, ensure_ascii=False)


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _pictures(row: dict[str, Any], root: Path, *, turns: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    rgb = decode(row["image"]["bytes"])
    for i, line in enumerate(row["lines"]):
        picture = cut(rgb, line["quad_px"])
        if turns and is_vertical(line):
            picture = np.ascontiguousarray(np.rot90(picture))
        path, name = _place(root, row, f"_{i:03d}.png")
        path.write_bytes(encode(picture))
        yield name, line


def _write_dictionary(root: Path) -> None:
    """Every character of the labels, one a line; PaddleOCR adds the space itself (`use_space_char`)."""
    characters: set[str] = set()
    with (root / "rec_gt.txt").open(encoding="utf-8") as file:
        for row in file:
            characters.update(row.rstrip("\n").partition("\t")[2])
    (root / "dict.txt").write_text("".join(f"{char}\n" for char in sorted(characters - {" "})), "utf-8")


FORMATS = {
    "paddle-det": Format("Label.txt", _detection),
    "paddle-rec": Format("rec_gt.txt", _recognition),
    "lines": Format("metadata.jsonl", _lines),
}
