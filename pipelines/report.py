"""Self-contained HTML pages of tables, charts and pictures, without scripts, and tables for a terminal; knows nothing
else."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from pipelines.charts import Chart
from pipelines.pictures import Picture


class Report:
    """A page built part by part; `html()` is the whole. Every text is escaped."""

    def __init__(self, title: str, subtitle: str = "") -> None:
        self._title, self._subtitle = title, subtitle
        self._parts: list[dict[str, Any]] = []

    def section(self, title: str) -> None:
        """Begin a section, named in the contents at the top."""
        self._parts.append({"kind": "section", "title": title, "id": f"part-{len(self._parts)}"})

    def heading(self, title: str) -> None:
        """A heading within a section."""
        self._parts.append({"kind": "heading", "title": title})

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append({"kind": "text", "text": text})

    def command(self, command: str) -> None:
        """What is typed into a shell."""
        self._parts.append({"kind": "command", "text": command})

    def links(self, links: Mapping[str, str]) -> None:
        """Pages and files elsewhere: addresses by what is read of them."""
        self._parts.append({"kind": "links", "links": dict(links)})

    def totals(self, totals: Mapping[str, Any]) -> None:
        """A few numbers that matter most, large, by name."""
        self._parts.append({"kind": "totals", "totals": {name: shown(v) for name, v in totals.items()}})

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> None:
        """A table; numbers stand to the right, with separators of thousands or three digits."""
        cells = [[(shown(value), isinstance(value, int | float)) for value in row] for row in rows]
        numeric = [any(row[i][1] for row in cells) for i in range(len(header))]
        part = {"header": list(zip(header, numeric, strict=True)), "rows": cells, "caption": caption}
        self._parts.append({"kind": "table"} | part)

    def charts(self, charts: Sequence[Chart]) -> None:
        """Charts side by side, as many as the window holds."""
        self._parts.append({"kind": "charts", "charts": charts})

    def chips(self, counts: Mapping[str, int]) -> None:
        """Many short names, each with its count."""
        self._parts.append({"kind": "chips", "counts": {name: shown(n) for name, n in counts.items()}})

    def pictures(self, groups: Iterable[Sequence[Picture]]) -> None:
        """Pictures at their own size, those of a group one below the other, the groups side by side.

        One wider than the window can be moved sideways.
        """
        self._parts.append({"kind": "pictures", "groups": list(groups)})

    def html(self) -> str:
        """The page."""
        return _PAGE.render(title=self._title, subtitle=self._subtitle, parts=self._parts, style=Markup(_STYLE))


def shown(value: Any) -> str:
    """A value as read: 12,345 or 0.123, "" for none (nan), texts as they are."""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return "" if value != value else f"{value:,.3f}"
    return str(value)


def plain_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table for the terminal; columns stand to the left, floats have three digits."""
    cells = [list(header), *([f"{v:.3f}" if isinstance(v, float) else str(v) for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


_STYLE = """
:root { color-scheme: light; --ink: #1d2733; --faint: #5c6a79; --rule: #dfe4ea; --ground: #f6f7f9; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, section, nav { max-width: 1232px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
h1 { margin: 0; font-size: 28px; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 0 0 12px; font-size: 21px; }
section > h3 { margin: 24px 0 8px; font-size: 16px; }
p { max-width: 75ch; margin: 8px 0; overflow-wrap: anywhere; }
header p { color: var(--faint); }
nav { margin-top: 8px; display: flex; flex-wrap: wrap; gap: 4px 18px; }
a { color: #1f5fa8; }
section { margin-top: 24px; padding: 20px; background: #fff;
  border: 1px solid var(--rule); border-radius: 8px; }
section > * + * { margin-top: 12px; }
section:last-child { margin-bottom: 40px; }
pre { margin: 12px 0; padding: 8px 12px; background: var(--ground); border: 1px solid var(--rule); border-radius: 6px;
  font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.links { display: flex; flex-wrap: wrap; gap: 4px 18px; }
.totals { display: flex; flex-wrap: wrap; gap: 12px 40px; margin: 0; }
.totals dt { color: var(--faint); font-size: 14px; }
.totals dd { margin: 0; font-size: 24px; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding: 4px 0; }
th, td { padding: 3px 16px 3px 0; border-bottom: 1px solid var(--rule); text-align: left; }
td { vertical-align: top; }
td:first-child { min-width: 80px; }
th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 20px; }
.pictures { display: flex; flex-wrap: wrap; gap: 24px 16px; }
.pictures > div { width: min-content; min-width: 0; max-width: 100%; }
figure { margin: 0 0 8px; max-width: 100%; min-width: 120px; }
figure > svg { display: block; width: 100%; max-width: 560px; height: auto; }
figcaption { margin-top: 4px; color: var(--faint); font-size: 14px; overflow-wrap: anywhere; }
.chips { display: flex; flex-wrap: wrap; gap: 6px; }
.chips span { min-width: 48px; padding: 2px 6px; text-align: center;
  border: 1px solid var(--rule); border-radius: 6px; }
.chips b { display: block; font-weight: 400; font-size: 20px; line-height: 1.3; }
.chips small { color: var(--faint); font-variant-numeric: tabular-nums; }
.pictures .good { border-top: 4px solid #2f8f5b; } .pictures .bad { border-top: 4px solid #c0392b; }
.pictures img { display: block; outline: 1px solid var(--rule); max-width: none; image-rendering: pixelated; }
.pictures > div:has(.fits) { width: 100%; }
.pictures .fits { width: 100%; min-width: 760px; height: auto; image-rendering: auto; }
@media (max-width: 600px) {
  header, nav { padding-left: 12px; padding-right: 12px; }
  section { padding: 14px 12px; border-left: 0; border-right: 0; border-radius: 0; }
  .totals { gap: 8px 28px; } .totals dd { font-size: 20px; }
}
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
<header><h1>{{ title }}</h1>{% if subtitle %}<p>{{ subtitle }}</p>{% endif %}</header>
<nav>
{% for part in parts if part.kind == "section" %}
<a href="#{{ part.id }}">{{ part.title }}</a>
{% endfor %}
</nav>
<main><section>
{% for part in parts %}
{% if part.kind == "section" %}
</section>
<section id="{{ part.id }}"><h2>{{ part.title }}</h2>
{% elif part.kind == "heading" %}
<h3>{{ part.title }}</h3>
{% elif part.kind == "text" %}
<p>{{ part.text }}</p>
{% elif part.kind == "command" %}
<pre><code>{{ part.text }}</code></pre>
{% elif part.kind == "links" %}
<p class="links">{% for name, address in part.links.items() %}<a href="{{ address }}">{{ name }}</a> {% endfor %}</p>
{% elif part.kind == "totals" %}
<dl class="totals">
{% for name, value in part.totals.items() %}
<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
{% endfor %}
</dl>
{% elif part.kind == "table" %}
<div class="scroll"><table>
{% if part.caption %}<caption>{{ part.caption }}</caption>{% endif %}
<thead><tr>
{% for name, numeric in part.header %}
<th{% if numeric %} class="number"{% endif %}>{{ name }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in part.rows %}
<tr>
{% for text, numeric in row %}
<td{% if numeric %} class="number"{% endif %}>{{ text }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody></table></div>
{% elif part.kind == "charts" %}
<div class="charts">
{% for chart in part.charts %}
<figure>{{ chart.svg }}<figcaption>{{ chart.caption }}</figcaption></figure>
{% endfor %}
</div>
{% elif part.kind == "pictures" %}
<div class="pictures">
{% for group in part.groups %}
<div>
{% for picture in group %}
<figure{% if picture.tone %} class="{{ picture.tone }}"{% endif %}>
<div class="scroll"><img src="{{ picture.uri }}" width="{{ picture.width_px * picture.zoom }}"
{% if picture.fits %} class="fits"{% endif %}
 height="{{ picture.height_px * picture.zoom }}" alt="{{ picture.caption }}"></div>
<figcaption>{{ picture.caption }}</figcaption></figure>
{% endfor %}
</div>
{% endfor %}
</div>
{% elif part.kind == "chips" %}
<div class="chips">
{% for name, count in part.counts.items() %}
<span><b lang="zh">{{ name }}</b><small>{{ count }}</small></span>
{% endfor %}
</div>
{% endif %}
{% endfor %}
</section></main>
</body>
</html>
""")
