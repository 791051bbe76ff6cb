"""A page on which a person looks through a benchmark and strikes samples; and the file that it saves."""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import msgspec
from jinja2 import Environment
from markupsafe import Markup

from curate.benchchoice import STRUCK
from curate.tokenbench import Pixels
from pipelines.benchmark.choosing import Candidate
from pipelines.pictures import Picture
from pipelines.shards.folder import Folder

REVIEW_FILE = "review.html"
QUALITY = 80  # WebP: a sample takes about 13 kB
MAX_BYTES = 64 * 2**20
MAX_TEXT = 600


def read_strikes(path: str) -> list[str]:
    """The ids of a strikes.json, in order. Raises ValueError saying what is wrong with it."""
    folder, _, name = path.rpartition("/")
    try:
        data = Folder(folder or ".").read(name)
    except FileNotFoundError as error:
        raise ValueError(f"strikes {path}: there is no such file; save it from {REVIEW_FILE}") from error
    remedy = f'need {{"strikes": [ids]}}, as {REVIEW_FILE} saves it'
    if len(data) > MAX_BYTES:
        raise ValueError(f"strikes {path} holds {len(data)} bytes: {remedy}")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"strikes {path} is no JSON ({error}): {remedy}") from error
    strikes = found.get("strikes") if isinstance(found, dict) else None
    if not isinstance(strikes, list) or not all(isinstance(one, str) for one in strikes):
        raise ValueError(f"strikes {path}: {remedy}")
    return list(dict.fromkeys(strikes))


def review_page(shown: Sequence[Candidate], pixels: Callable[[Candidate], Pixels], title: str) -> str:
    """The page: the samples, and those struck before, marked; the doubtful ones first."""
    samples = {one["id"]: _sample(one, pixels(one)) for one in shown}
    ordered = sorted(shown, key=lambda one: (doubt(one), one["id"]), reverse=True)
    groups = {name: sorted({one[name] for one in shown}) for name in ("category", "language")}
    parts = {"samples": [samples[one["id"]] for one in ordered], "groups": groups}
    return _PAGE.render(title=title, style=Markup(_STYLE), script=Markup(_SCRIPT), **parts)


def doubt(one: Candidate) -> float:
    """How likely a person strikes a sample: blurred, blank, or read with little confidence."""
    return float((1 - one["clarity"]) + one["blank_share"] + (1 - (one["confidence"] or 0)))


def _sample(one: Candidate, rgb: Pixels) -> dict[str, Any]:
    ok, data = cv2.imencode(".webp", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    assert ok, "OpenCV encodes every small picture"
    facts = f"{one['num_chars']} characters, sharp {one['clarity']:.2f}, blank {one['blank_share']:.2f}"
    return {
        "id": one["id"],
        "category": one["category"],
        "language": one["language"],
        "uri": Picture(data=data.tobytes(), width_px=rgb.shape[1], height_px=rgb.shape[0]).uri,
        "facts": facts,
        "page": one["path"],
        "text": one["text"][:MAX_TEXT],
        "struck": one["reason"] == STRUCK,
    }


_STYLE = """
:root { color-scheme: light; --ink: #1d2733; --faint: #5c6a79; --rule: #dfe4ea; --bad: #c0392b; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: var(--ink); font: 15px/1.4 system-ui, sans-serif; }
header { position: sticky; top: 0; z-index: 1; padding: 10px 16px; background: #fff;
  border-bottom: 1px solid var(--rule); display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; }
h1 { margin: 0; font-size: 18px; }
header p { margin: 0; color: var(--faint); flex-basis: 100%; }
button, select, .file { font: inherit; padding: 4px 12px; border: 1px solid #b8c2cc; border-radius: 6px;
  background: #fff; cursor: pointer; }
button.main { background: #1f5fa8; border-color: #1f5fa8; color: #fff; }
.file input { position: absolute; width: 1px; height: 1px; opacity: 0; }
main { display: grid; grid-template-columns: repeat(auto-fill, 274px); gap: 16px; padding: 16px;
  justify-content: center; }
label.sample { display: block; padding: 8px; background: #fff; border: 1px solid var(--rule); border-radius: 8px;
  cursor: pointer; content-visibility: auto; contain-intrinsic-size: 274px 372px; }
label.sample[hidden] { display: none; }
.sample img { display: block; width: 256px; height: 256px; outline: 1px solid var(--rule); }
.sample input { position: absolute; opacity: 0; }
.sample:focus-within { box-shadow: 0 0 0 3px #8db7e6; }
.sample small { display: block; margin-top: 4px; color: var(--faint); overflow-wrap: anywhere; font-size: 12px; }
.sample b { font-weight: 600; color: var(--ink); }
.sample:has(input:checked) { border-color: var(--bad); background: #fdf1ef; }
.sample:has(input:checked) img { opacity: .35; }
.sample:has(input:checked) b::after { content: " struck"; color: var(--bad); }
"""

_SCRIPT = """
const boxes = [...document.querySelectorAll("main input")], count = document.getElementById("count");
const filters = [...document.querySelectorAll("select")];
function struck() { return boxes.filter(box => box.checked).map(box => box.value).sort(); }
function tell() { count.textContent = `${struck().length} of ${boxes.length} struck`; }
function strike(ids) { const all = new Set(ids); for (const box of boxes) box.checked = all.has(box.value); tell(); }
function sift() {
  for (const box of boxes) box.closest("label").hidden =
    filters.some(one => one.value && one.value !== box.dataset[one.id]);
}
document.querySelector("main").addEventListener("change", tell);
for (const one of filters) one.addEventListener("change", sift);
document.getElementById("save").addEventListener("click", () => {
  const text = JSON.stringify({strikes: struck()}, null, 1) + "\\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "strikes.json";
  link.click();
});
document.getElementById("load").addEventListener("change", async event => {
  try { strike(JSON.parse(await event.target.files[0].text()).strikes); }
  catch (error) { alert("That file holds no strikes: " + error.message); }
  event.target.value = "";
});
window.addEventListener("beforeunload", event => {
  if (struck().join() !== first) event.preventDefault();
});
const first = struck().join();
sift();
tell();
"""

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<header>
<h1>{{ title }}</h1>
{% for name, values in groups.items() %}
<select id="{{ name }}" aria-label="{{ name }}">
<option value="">every {{ name }}</option>
{% for value in values %}
<option>{{ value }}</option>
{% endfor %}
</select>
{% endfor %}
<span id="count" role="status"></span>
<label class="file">Open strikes.json<input id="load" type="file" accept=".json"></label>
<button id="save" class="main" type="button">Save strikes.json</button>
<p>Click a sample that is blurred, nearly blank or like another, to strike it; the doubtful ones come first.
Then save, and build again with <code>--strikes strikes.json</code>.</p>
</header>
<main>
{% for sample in samples %}
<label class="sample"><input type="checkbox" value="{{ sample.id }}" data-category="{{ sample.category }}"
 data-language="{{ sample.language }}"{% if sample.struck %} checked{% endif %}>
<img src="{{ sample.uri }}" width="256" height="256" alt="{{ sample.text }}">
<small><b>{{ sample.category }} {{ sample.language }}</b></small>
<small>{{ sample.facts }}</small><small>{{ sample.page }}</small></label>
{% endfor %}
</main>
<script>{{ script }}</script>
</body>
</html>
""")
