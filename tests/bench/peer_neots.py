"""Runs inside the environment of neots 0.3.4: a Page as JSON on stdin, its speeds as JSON on stdout.

Ways, all of one thread, horizontal, with no text effect, no paste offset, no rotation and no distortion (the
fastest settings its README documents), on photographs (`bg_image_prob: 1`) and on white:

- `lines`: each line of the page at the page's font size in an image as high as the page's line pitch:
  `generate_instance(text, type="numpy")` unsaved, `type="file"` saved as PNG;
- `lines at its size`: the same calls at its default size, font 55 in images 48 px high, 25 characters each;
- `generate`: `generate(total, workers=1)`, which samples the same lines from a corpus file and saves PNG and
  JSONL.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from neots import SingleLineTextGenerator
from peers import spend

NOTHING = {
    "text_effects": {"effect_prob": 0.0, "partial_effect_prob": 0.0},
    "text_paste": {
        "scale_range": [1.0, 1.0],
        "margin_range": [0, 0],
        "offset_prob": 0.0,
        "h_offset_range": [0, 0],
        "v_offset_range": [0, 0],
    },
    "transforms": {
        "rotation_prob": 0.0,
        "rotation_range": [0.0, 0.0],
        "distortion_prob": 0.0,
        "distortion_level": 0.0,
    },
}


def main() -> None:
    job = json.load(sys.stdin)
    texts = [line[0] for line in job["lines"]]
    pitch_px = round(job["page_px"] / len(texts))
    budget_seconds = job["budget_seconds"]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # it writes, and looks for its optional tables, in the working directory
        for ground in ("photo", "plain"):
            page = _config(job, texts, ground, font_size=job["size_px"], height_px=pitch_px)
            own = _config(job, texts, ground, font_size=55, height_px=48)
            rows += _one_by_one("lines", ground, page, texts, budget_seconds)
            rows += _one_by_one("lines at its size", ground, own, [t[:25] for t in texts], budget_seconds)
            rows.append(_batch(ground, page, 5 * len(texts), budget_seconds))
        os.chdir("/")
    print(json.dumps(rows))


def _config(job: dict[str, Any], texts: list[str], ground: str, font_size: int, height_px: int) -> dict[str, Any]:
    Path("corpus.txt").write_text("\n".join(texts), encoding="utf-8")
    num_chars = max(map(len, texts))
    black_on_white = {"gray_bg_prob": 1.0, "bg_color": "#FFFFFF", "text_color": "#000000"}
    any_colour = {"gray_bg_prob": 0.7, "bg_color": "auto", "text_color": "auto"}
    return {
        "text_sampler": {
            "min_targets": num_chars - 5,
            "max_targets": num_chars,
            "font_size": font_size,
            "vertical_prob": 0.0,
            "sample_strategy": "font-first",
            "font_list": [job["font_path"]],
        },
        "random_config": [{"type": "sequential", "prob": 1.0, "from_file": "corpus.txt"}],
        "bg_sampler": {
            "bg_image_prob": float(ground == "photo"),
            "bg_list": [job["photos"]],
            **(any_colour if ground == "photo" else black_on_white),
        },
        "post_process": NOTHING,
        "generate": {
            "output_height": height_px,
            "retry_on_error": True,
            "out_dir": f"generated-{ground}",
            "out_jsonl": f"generated-{ground}.jsonl",
            "batchsize": 1000,
            "hierarchical_structure": [100, 625],
        },
    }


def _one_by_one(
    way: str, ground: str, config: dict[str, Any], texts: list[str], budget_seconds: float
) -> list[dict[str, Any]]:
    generator = SingleLineTextGenerator.from_config(config)

    def pixels(text: str) -> int:
        height_px, width_px, _ = generator.generate_instance(text, type="numpy").shape
        return int(height_px * width_px)

    # The area of a text is the same each time, and measuring it warms the caches of glyphs and photographs.
    area = {text: pixels(text) for text in texts * 2}

    def unsaved(index: int) -> tuple[int, int]:
        text = texts[index % len(texts)]
        return pixels(text), len(text)

    def saved(index: int) -> tuple[int, int]:
        text = texts[index % len(texts)]
        generator.generate_instance(text, type="file", path=f"{index}.png")
        return area[text], len(text)

    return [
        {"way": way, "ground": ground, "saved": draw is saved, **spend(draw, budget_seconds)}
        for draw in (unsaved, saved)
    ]


def _batch(ground: str, config: dict[str, Any], num_images: int, budget_seconds: float) -> dict[str, Any]:
    generator = SingleLineTextGenerator.from_config(config)
    labels_file = Path(config["generate"]["out_jsonl"])

    def batch(_: int) -> tuple[int, int]:
        generator.generate(total=num_images, workers=1, show_progress=False)
        labels = [json.loads(line) for line in labels_file.read_text(encoding="utf-8").splitlines()]
        labels_file.unlink()
        return sum(x["width"] * x["height"] for x in labels), sum(len(x["text"]) for x in labels)

    batch(0)
    row = spend(batch, budget_seconds)
    return {
        "way": "generate",
        "ground": ground,
        "saved": True,
        **row,
        "num_images": row["num_images"] * num_images,
    }


if __name__ == "__main__":
    main()
