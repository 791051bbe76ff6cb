"""Parts of charts kept while they are measured, so that a report can show what became of them."""

from collections.abc import Mapping, Sequence

from pipelines.shards.codec import decode, encode
from pipelines.shards.folder import Folder
from train.acuity_charts.rows import Charts, Pixels

SIZES_PX = (5, 8, 12, 20)
PART_PX = (140, 48)  # width and height: four, enlarged twice, stand side by side
OFFSET_PX = (8, 8)


def example_charts(charts: Charts) -> dict[int, str]:
    """The numbers of the charts that are shown, with a title: of each language and size the first, on a photo and in
    dark ink where there is such a one."""
    chosen: dict[str, int] = {}
    for number, kind in enumerate(charts.kinds):
        if kind.size_px in SIZES_PX:
            title = f"{kind.language} {kind.size_px:02} px"
            held = chosen.get(title)
            if held is None or _rank(charts, number) > _rank(charts, held):
                chosen[title] = number
    return {number: title for title, number in chosen.items()}


def _rank(charts: Charts, number: int) -> tuple[bool, bool]:
    kind = charts.kinds[number]
    return kind.ground == "photo", kind.contrast == "dark"


def keep_example(out: Folder, model: str, title: str, image: Pixels) -> None:
    """Keep the part that is shown of one chart's image."""
    (x, y), (width, height) = OFFSET_PX, PART_PX
    out.put(_name(model, title), encode(image[y : y + height, x : x + width].copy()))


def missing_examples(out: Folder, model: str, titles: Mapping[int, str]) -> dict[int, str]:
    """Of the charts that are shown, those whose picture of a model is not there or garbled."""
    return {number: title for number, title in titles.items() if _read(out, _name(model, title)) is None}


def read_examples(out: Folder, models: Sequence[str]) -> dict[str, dict[str, tuple[bytes, int, int]]]:
    """By title, then by model: the PNG, its width and height."""
    found: dict[str, dict[str, tuple[bytes, int, int]]] = {}
    there = out.list("examples")
    titles = sorted({name.split("/")[-1].removesuffix(".png").replace("_", " ") for name in there})
    for title in titles:
        for model in models:
            if (picture := _read(out, _name(model, title))) is not None:
                found.setdefault(title, {})[model] = picture
    return found


def _read(out: Folder, name: str) -> tuple[bytes, int, int] | None:
    """A PNG with its width and height; None where it is not there or not whole."""
    if not out.exists(name):
        return None
    data = out.read(name)
    try:
        height, width = decode(data).shape[:2]
    except ValueError:
        return None
    return data, width, height


def _name(model: str, title: str) -> str:
    return f"examples/{model}/{title.replace(' ', '_')}.png"
