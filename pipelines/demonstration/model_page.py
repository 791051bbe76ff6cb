"""The parts of the demo's page that show a model: its training, what it keeps of held-out pages, and its acuity.

It reads the files that train/ writes, and nothing of train/ itself."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import nan
from typing import Any
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

from pipelines.charts import Chart
from pipelines.demonstration.data_page import BANDS
from pipelines.mixture.inputs import config_order
from pipelines.mixture.statistics import STATISTICS_FILE
from pipelines.pictures import Picture
from pipelines.report import Report
from pipelines.shards.codec import decode, encode
from pipelines.shards.folder import Folder

SVG = "http://www.w3.org/2000/svg"
FIGURES = {"PSNR, dB": "PSNR", "SSIM": "SSIM", "NED": "NED"}  # keys of results.json by title
A_KIND, GAP_PX = 2, 8  # of the sample sheets: images of each kind and band, and between them
A_ROW = 2  # panels of acuity: a language each
SHOWN_TILES = 8  # two full rows of a wide window
IDENTITY = "identity"
ABOUT = {
    IDENTITY: "the image itself: the ceiling",
    "bicubic-x2": "reduced to half its sides and enlarged again",
    "bicubic-x4": "reduced to a quarter of its sides and enlarged again",
}


def show_training(report: Report, url: str, mix: str) -> None:
    """The curves, and held-out images of each kind and band beside their reconstructions."""
    folder = Folder(url)
    lines = [json.loads(line) for line in folder.read("log.jsonl").decode().splitlines()]
    evals = [line for line in lines if line["kind"] == "eval"]
    report.totals({"crops seen": evals[-1]["images"]} | _gains(evals[0], evals[-1]))
    report.pictures(
        [[Picture.of_png(folder.read("curve.png"), "Loss, held-out images, learning rate, gradient, pace", fits=True)]]
    )
    sheet = max(name for name in folder.list("samples") if name.endswith(".png"))
    report.heading("Held-out images and their reconstructions, twice their size")
    held = json.loads(Folder(mix).read(STATISTICS_FILE))["test"]
    names = [name for name in sorted(held, key=config_order) for _ in range(min(A_KIND, held[name]["images"]))]
    report.pictures([*tiles_of(folder.read(sheet), names)][:SHOWN_TILES])


def tiles_of(sheet: bytes, names: Sequence[str]) -> Iterator[list[Picture]]:
    """The columns of a sample sheet, an original above its reconstruction, each as a picture; or the sheet as a
    whole where it does not hold a column for each name."""
    pixels = decode(sheet)
    side = pixels.shape[0] // 2
    if pixels.shape[1] != len(names) * (side + GAP_PX) - GAP_PX:
        yield [Picture.of_png(sheet, "")]
        return
    for i, name in enumerate(names):
        left = i * (side + GAP_PX)
        yield [Picture.of_png(encode(np.ascontiguousarray(pixels[:, left : left + side])), name)]


def _gains(first: dict[str, Any], last: dict[str, Any]) -> dict[str, str]:
    """PSNR of each component before and after."""
    names = [name for name in last if name.startswith("psnr/")]
    return {f"PSNR {name[5:]}, dB": f"{first[name]:.1f} → {last[name]:.1f}" for name in names}


def show_evaluation(report: Report, url: str, names: Sequence[str], compared: str) -> None:
    """The figures of each autoencoder, NED by band, and its images side by side."""
    results = {name: json.loads(Folder(f"{url}/{name}").read("results.json")) for name in names}
    report.text(
        "PSNR and SSIM compare pixels. NED compares what an OCR engine reads on the reconstruction with what it reads "
        "on the original: 1 where it reads the same, 0 where nothing of it is left."
    )
    header = ["autoencoder", *FIGURES, "what it does"]
    rows = [[name, *_figures(result), ABOUT.get(name, "the model trained above")] for name, result in results.items()]
    report.table(header, rows, f"{max(result['num_samples'] for result in results.values())} held-out pages")
    rows = [[name, *_by_band(url, name)] for name in names]
    report.table(["NED", *(f"{band} px" for band in BANDS)], rows, "By size of the text")
    if Folder(compared).exists("side_by_side.png"):
        data = Folder(compared).read("side_by_side.png")
        report.heading("Side by side")
        report.pictures([[Picture.of_png(data, "The part of a page that differs most, and words of it enlarged.")]])


def _figures(result: dict[str, Any]) -> list[float]:
    found = (result.get(name) for name in FIGURES.values())
    return [nan if value is None else float(value) for value in found]


def _by_band(url: str, name: str) -> list[float]:
    """Mean NED of each band; the files are named after theirs."""
    folder = Folder(f"{url}/{name}")
    found: dict[str, list[float]] = defaultdict(list)
    if folder.exists("ned_details.json"):
        for row in json.loads(folder.read("ned_details.json"))["details"]:
            found[row["file"].rpartition("-")[0]].append(row["ned"])
    return [sum(found[band]) / len(found[band]) if found[band] else nan for band in BANDS]


def show_acuity(report: Report, url: str) -> None:
    """The curves over the size of the text, and the smallest size that gets through."""
    folder = Folder(url)
    content = json.loads(folder.read("acuity.json"))
    panels = panels_of(folder.read("plot.svg").decode())
    for start in range(0, len(panels), A_ROW):
        report.charts(panels[start : start + A_ROW])
    places = [(row["language"], row["ground"]) for row in next(iter(content["models"].values()))["acuity"]]
    header = ["autoencoder"]
    for language, _ in places:
        header += [f"acuity {language}, px (95%)", f"NED 0.9 {language}, px"]
    rows = [
        [name, *(text for row in found["acuity"] for text in (row["shown"], row["ned_shown"]))]
        for name, found in content["models"].items()
    ]
    report.table(header, rows, "The smallest em from which on nine tenths get through")


def panels_of(plot: str) -> list[Chart]:
    """The panels of a plot of several, each as a chart of its own, so that they are as wide as a window allows."""
    ElementTree.register_namespace("", SVG)
    panels = ElementTree.fromstring(plot).findall(f"{{{SVG}}}svg")
    heights = [int(panel.attrib["height"]) for panel in panels]
    for panel in panels:
        for name in ("x", "y", "width", "height"):
            panel.attrib.pop(name, None)
        panel.tail = None
    drawings = [Markup(ElementTree.tostring(panel, "unicode")) for panel in panels]
    return [Chart(svg=svg, height=height) for svg, height in zip(drawings, heights, strict=True)]
