"""What became of small text on a held-out photograph in each arm: the parts of charts that their measurement kept."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.bench.ablation_arms import ARMS

PARTS = ("en_08_px", "zh_08_px", "en_12_px", "zh_12_px")
ENLARGED = 3
GAP_PX, TITLE_PX = 8, 22


def draw(trials: Path, arms: Sequence[str], seed: int) -> Image.Image:
    """The original and each arm's reconstruction, one below the other, enlarged by the nearest pixel; a column a part.

    trials: the folder of a working point's runs.
    """
    folders = {f"({arm}) {ARMS[arm].about}": trials / f"arm{arm}-seed{seed}/acuity/examples/model" for arm in arms}
    original = next(iter(folders.values())).parent / "original"
    rows = {"original": original, **folders}
    parts = {name: [_enlarged(folder / f"{part}.png") for part in PARTS] for name, folder in rows.items()}
    width, height = parts["original"][0].size
    across, down = width + GAP_PX, height + TITLE_PX
    sheet = Image.new("RGB", (across * len(PARTS) + GAP_PX, down * len(rows) + GAP_PX), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for row, (name, pictures) in enumerate(parts.items()):
        for column, (part, picture) in enumerate(zip(PARTS, pictures, strict=True)):
            at = (GAP_PX + across * column, down * row)
            said = part.replace("_0", " ").replace("_", " ")
            pen.text(at, said if column else f"{name}, {said}", fill="black", font=font)
            sheet.paste(picture, (at[0], at[1] + TITLE_PX))
    return sheet


def _enlarged(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB").resize((image.width * ENLARGED, image.height * ENLARGED), Image.Resampling.NEAREST)
