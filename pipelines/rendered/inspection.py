"""The report of a rendered dataset: what is in it, how it looks, and how well it is read back."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.ocr import INSTALL, engine_version, is_installed
from pipelines.chartframe import Point
from pipelines.charts import Axis, Chart, bars, curves, histogram
from pipelines.pictures import Picture
from pipelines.rendered.roundtrip import Cell, round_trip
from pipelines.rendered.summary import SUMMARY_FILE
from pipelines.report import Report
from pipelines.shards.codec import decode, encode
from pipelines.shards.files import counts_under, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows, spread
from pipelines.tallies import CHARS_EDGES, CHARS_TICKS, MEASURES, Tally, gb2312_coverage, quantiles

REPORT_FILE = "report.html"
PICTURE_PX, EXCERPT_PX, ZOOM = 512, (170, 40), 3
MIN_CHARS = 8  # of a line worth enlarging
MAX_CANDIDATES = 4000
MAX_LISTED = 40
KEYS = ("band", "language", "layout", "source")


def inspect(url: str, num_images: int = 4, num_ocr_images: int = 100) -> str:
    """Write report.html into a dataset's folder, with `num_images` pictures a band; its path.

    With 0 `num_ocr_images` nothing is read back. Raises ValueError where there is no whole shard.
    """
    folder = Folder(url)
    rows, counts = Rows(folder), sum_counts(folder)
    name = next(rows.take([0], ["id"]))["id"].rpartition("/")[0]
    report = Report(folder.url.rpartition("/")[2], f"{name}: {len(rows):,} images rendered by Smallprint")
    tally, keys = _gather(rows)
    _overview(report, counts, tally)
    _sheets(report, rows, choose(keys, num_images))
    _distributions(report, counts, tally)
    _characters(report, counts_under(counts, "char"))
    _losses(report, folder, counts)
    _round_trip(report, url, num_ocr_images)
    folder.put(REPORT_FILE, report.html().encode())
    return f"{folder.url}/{REPORT_FILE}"


def _gather(rows: Rows) -> tuple[Tally, dict[int, dict[str, str]]]:
    """The distributions, and the keys of evenly spread rows to choose pictures from."""
    tally, first = Tally(), 0
    keys: dict[int, dict[str, str]] = {}
    candidates = np.array(spread(len(rows), MAX_CANDIDATES))
    for table in rows.tables((*KEYS, *Tally.columns)):
        tally.add(table)
        mine = candidates[(candidates >= first) & (candidates < first + len(table))]
        keys |= dict(zip(mine.tolist(), table.select(KEYS).take(mine - first).to_pylist(), strict=True))
        first += len(table)
    return tally, keys


def choose(keys: Mapping[int, Mapping[str, str]], count: int) -> dict[str, list[int]]:
    """Up to `count` rows of each band, smallest first: each next one has the language, then the layout, then
    the photo seen least so far."""
    chosen: dict[str, list[int]] = {}
    for band in sorted({key["band"] for key in keys.values()}, key=lambda band: float(band.partition("-")[0])):
        left = [number for number, key in keys.items() if key["band"] == band]
        seen: Counter[str] = Counter()
        chosen[band] = []
        while left and len(chosen[band]) < count:
            best = min(left, key=lambda number: (*(seen[keys[number][name]] for name in KEYS[1:]), number))
            seen.update(keys[best][name] for name in KEYS[1:])
            left.remove(best)
            chosen[band].append(best)
    return chosen


def _overview(report: Report, counts: Counter[str], tally: Tally) -> None:
    report.totals(
        {
            "images": counts["images"],
            "lines": counts["lines"],
            "characters": sum(counts_under(counts, "chars").values()),
            "different characters": len(counts_under(counts, "char")),
            "faces": len(tally.names["face"]),
            "MB of images": round(counts["image bytes"] / 1e6),
        }
    )
    characters = counts_under(counts, "chars")
    languages = sorted({name.partition("/")[2] for name in characters})
    rows = [
        [f"{band} px", counts[f"band/{band}"], *(characters.get(f"{band}/{name}", 0) for name in languages)]
        for band in sorted(counts_under(counts, "band"), key=lambda band: float(band.partition("-")[0]))
    ]
    report.table(["band", "images", *(f"chars, {name}" for name in languages)], rows)


def _sheets(report: Report, rows: Rows, chosen: Mapping[str, Sequence[int]]) -> None:
    report.section("Contact sheet")
    report.text(f"Pictures stand at their own pixels (those over {PICTURE_PX} px are cut), excerpts at {ZOOM} times.")
    for band, numbers in chosen.items():
        report.heading(f"Band {band} px")
        report.pictures(_pictures(row) for row in rows.take(numbers, ("id", "image", "lines", *KEYS)))


def _pictures(row: dict[str, Any]) -> tuple[Picture, Picture]:
    """A row's picture, and an enlarged part of a line in the middle."""
    rgb = decode(row["image"]["bytes"])
    lines = [line for line in row["lines"] if len(line["text"]) >= MIN_CHARS] or row["lines"]
    line = lines[len(lines) // 2]
    corner = np.min(line["quad_px"], axis=0)
    picture = part(rgb, corner - PICTURE_PX // 2, (PICTURE_PX, PICTURE_PX))
    excerpt = part(rgb, corner - 4, EXCERPT_PX)
    number, source = row["id"].rpartition("/")[2], row["source"] or "plain ground"
    about = f"{line['size_px']:.1f} px, {line['face']}, {line['style']}, contrast {line['contrast']:.1f}"
    return _picture(picture, f"#{number}: {row['language']}, {row['layout']}, {source}"), _picture(excerpt, about, ZOOM)


def part(rgb: NDArray[np.uint8], corner: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A part of the picture of this (width, height), or less where the picture is smaller, near a corner."""
    height, width = rgb.shape[:2]
    x = int(np.clip(corner[0], 0, max(0, width - size[0])))
    y = int(np.clip(corner[1], 0, max(0, height - size[1])))
    return rgb[y : y + size[1], x : x + size[0]]


def _picture(rgb: NDArray[np.uint8], caption: str, zoom: int = 1) -> Picture:
    height, width = rgb.shape[:2]
    return Picture(data=encode(rgb, "webp"), width_px=width, height_px=height, caption=caption, zoom=zoom)


def _distributions(report: Report, counts: Counter[str], tally: Tally) -> None:
    report.section("Distributions")
    charts = []
    for measure in MEASURES:
        series = dict(sorted(tally.bins[measure.column].items()))
        low, middle, high = quantiles(sum(series.values()), measure.edges, (0.05, 0.5, 0.95))  # type: ignore[arg-type]
        caption = f"Lines by language; 5% lie below {low:.3g}, half below {middle:.3g}, 95% below {high:.3g}."
        charts.append(histogram(measure.title, measure.edges.tolist(), _plain(series), caption=caption))
    chars = _plain(dict(sorted(tally.chars.items())))
    edges = CHARS_EDGES.tolist()
    caption = "Images by language."
    charts.append(histogram("Characters per image", edges, chars, axis=Axis(ticks=CHARS_TICKS), caption=caption))
    report.charts(charts)
    report.charts(list(_named(counts, tally)))


def _plain(series: Mapping[str, NDArray[np.int64]]) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in series.items()}


def _named(counts: Counter[str], tally: Tally) -> Iterator[Chart]:
    yield bars("Layouts", counts_under(counts, "layout"), caption="Images of each kind of document.")
    yield bars("Languages", dict(tally.names["language"].most_common()), caption="Lines of each language.")
    yield bars("Grounds", counts_under(counts, "ground"), caption="Images on photos and on plain grounds.")
    yield bars("Rasterisers", dict(tally.names["style"].most_common()), caption="Lines of each style.")
    yield bars("Roles", dict(tally.names["role"].most_common()), caption="Lines of each role.")
    faces = tally.names["face"]
    which = "each face" if len(faces) <= MAX_LISTED else f"the {MAX_LISTED} commonest of {len(faces)} faces"
    caption = f"Lines set in {which}."
    yield bars("Faces", dict(faces.most_common(MAX_LISTED)), caption=caption)


def _characters(report: Report, characters: Counter[str]) -> None:
    report.section("Characters")
    levels = gb2312_coverage(characters)
    rows = [[f"GB2312 level {v.level}", v.num_characters - len(v.missing), v.num_characters, v.share] for v in levels]
    report.table(["characters of", "occur", "of", "share"], rows)
    for level in levels:
        if level.missing and level.share > 0.5:
            more = " ..." if len(level.missing) > 2 * MAX_LISTED else ""
            report.text(f"Not yet seen of level {level.level}: {level.missing[: 2 * MAX_LISTED]}{more}")
    ranked = [(char, n) for char, n in characters.most_common() if not char.isspace()]
    report.heading("Most frequent")
    report.chips(dict(ranked[:MAX_LISTED]))
    report.heading("Least frequent")
    report.chips(dict(ranked[-MAX_LISTED:]))


def _losses(report: Report, folder: Folder, counts: Counter[str]) -> None:
    report.section("Rejects, faults and photos")
    for title, name in (("Rejects by reason", "reject"), ("Faults by file", "fault")):
        found = counts_under(counts, name)
        report.heading(title)
        if found:
            report.table([name, "times"], found.most_common(MAX_LISTED))
        else:
            report.text("None.")
    report.heading("Photos by verdict")
    if folder.exists(SUMMARY_FILE):
        report.table(["verdict", "photos"], json.loads(folder.read(SUMMARY_FILE))["photos"].items())
    else:
        report.text("The run is not finished: its summary tells.")


def _round_trip(report: Report, url: str, num_images: int) -> None:
    report.section("Read back by OCR")
    if not num_images:
        report.text("Not asked for: give --ocr-images above 0.")
        return
    if not is_installed():
        report.text(f"No OCR engine is installed. To have lines read back: {INSTALL}")
        return
    cells = round_trip(url, num_images)
    report.text(
        f"{sum(cell.num_lines for cell in cells):,} lines of up to {num_images} images, cut by their labels, "
        f"read by {engine_version()}. Character accuracy is 1 - normalised edit distance; spaces, the "
        "width of signs and rows of dots do not count. ± is one standard error, the lines of an image counted as one "
        "draw. The em is rounded down."
    )
    report.charts([_accuracy_curves(ground, cells) for ground in sorted({cell.ground for cell in cells})])
    by_px: dict[int, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        by_px[cell.px][f"{cell.language}, {cell.ground}"] = cell
    names = list(dict.fromkeys(f"{cell.language}, {cell.ground}" for cell in cells))
    rows = [[f"{px} px", *(_cell_text(by_px[px].get(name)) for name in names)] for px in sorted(by_px)]
    report.table(["em", *names], rows, "accuracy ± standard error (lines)")


def _accuracy_curves(ground: str, cells: Sequence[Cell]) -> Chart:
    series: dict[str, list[Point]] = defaultdict(list)
    for cell in cells:
        if cell.ground == ground:
            series[cell.language].append((cell.px, cell.accuracy, cell.stderr))
    return curves(f"Character accuracy by em, px ({ground})", series)


def _cell_text(cell: Cell | None) -> str:
    if cell is None:
        return ""
    error = "" if np.isnan(cell.stderr) else f" ± {cell.stderr:.3f}"
    return f"{cell.accuracy:.3f}{error} ({cell.num_lines})"
