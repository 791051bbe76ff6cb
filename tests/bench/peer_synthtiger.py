"""Runs inside the environment of SynthTIGER 1.2.1: a Page as JSON on stdin, its speeds as JSON on stdout.

One way, `line mode`, in one process and one thread: a template in the form of its multiline example, one
`TextLayer` a line (its other example lays out a layer a character and is far slower), pasted over a 512x512
`RectLayer`, which is white or has a 512x512 crop of a photograph as its `BaseTexture`. The pages come from
`synthtiger.generator(..., worker=0)`, as from its command line; saving is Pillow's default PNG, as its
templates save, inside `Template.save`.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import synthtiger
from peers import spend
from PIL import Image
from synthtiger import components, layers, templates


class PageOfLines(templates.Template):  # type: ignore[misc]
    """A page of lines of text placed as the job says."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.size = (config["page_px"], config["page_px"])
        self.texture = components.BaseTexture(paths=[config["photos"]], weights=[1], crop=1)

    def generate(self) -> dict[str, Any]:
        texts = [self._text(*line) for line in self.config["lines"]]
        ground = layers.RectLayer(self.size, (255, 255, 255, 255))
        if self.config["ground"] == "photo":
            self.texture.apply([ground], {"w": self.size[0], "h": self.size[1]})
        return {"image": (layers.Group(texts) + ground).output(bbox=ground.bbox)}

    def _text(self, text: str, x_px: float, y_px: float) -> Any:
        layer = layers.TextLayer(text, self.config["font_path"], self.config["size_px"], color=(0, 0, 0, 255))
        layer.topleft += (round(x_px), round(y_px))  # a new layer has its baseline at y = 0
        return layer

    def init_save(self, root: str) -> None:
        Path(root).mkdir(parents=True, exist_ok=True)

    def save(self, root: str, data: dict[str, Any], idx: int) -> None:
        Image.fromarray(data["image"][..., :3].astype(np.uint8)).save(Path(root) / f"{idx}.png")

    def end_save(self, root: str) -> None:
        pass


def main() -> None:
    cv2.setNumThreads(1)
    job = json.load(sys.stdin)
    rows = []
    for ground in ("photo", "plain"):
        for saved in (False, True):
            rows.append(_measure({**job, "ground": ground}, saved))
    print(json.dumps(rows))


def _measure(config: dict[str, Any], saved: bool) -> dict[str, Any]:
    pages = synthtiger.generator(__file__, "PageOfLines", config=config, worker=0, seed=0, retry=False)
    template = PageOfLines(config)
    next(pages)  # loads the template

    num_chars = sum(len(text) for text, _, _ in config["lines"])
    with tempfile.TemporaryDirectory() as root:
        template.init_save(root)

        def page(_: int) -> tuple[int, int]:
            index, data = next(pages)
            if saved:
                template.save(root, data, index)
            height_px, width_px = data["image"].shape[:2]  # data is None where a page failed
            return height_px * width_px, num_chars

        row = spend(page, config["budget_seconds"])
        template.end_save(root)
    return {"way": "line mode", "ground": config["ground"], "saved": saved, **row}


if __name__ == "__main__":
    main()
