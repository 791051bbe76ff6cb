"""Charts as inline SVG: histograms, bars and curves with error bars. They know nothing of what they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from pipelines.chartframe import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Frame, Point, number

COLOURS = ("#2a6fb0", "#d2691e", "#2f8f5b", "#8456a8", "#a33b53", "#5f6b76", "#b8860b", "#008b9a", "#c2185b", "#6d8b00")
BAR_HEIGHT, NAME_WIDTH, MAX_NAME = 20, 190, 27
LEGEND_HEIGHT = 18
GAP, COLUMNS = 24, 2  # of charts in one file
MARK_ROWS = 6  # names of marks stand in so many rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing with a caption."""

    svg: Markup
    height: int
    """In the drawing's units, of which it is 400 wide."""
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What is written on a horizontal axis: names by value below it, and names at lines that stand on it."""

    ticks: Mapping[float, str] | None = None
    """By default round numbers."""
    marks: Mapping[float, str] = field(default_factory=dict)


PLAIN = Axis()


def histogram(
    title: str,
    edges: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    axis: Axis = PLAIN,
    caption: str = "",
    colours: Mapping[str, str] | None = None,
) -> Chart:
    """Stacked bars: counts (n,) of each series between edges (n + 1,). Marks beyond the edges are left out.

    `colours` of some series; the others have theirs by their place.
    """
    totals = [sum(parts) for parts in zip(*series.values(), strict=True)]
    room = 1.04 + 0.08 * min(len(axis.marks), MARK_ROWS)
    frame = Frame((edges[0], edges[-1]), (0.0, max([*totals, 1e-9]) * room), axis.ticks)
    bars, base = [], [0.0] * len(totals)
    by_name = _colours(series) | {name: colour for name, colour in (colours or {}).items() if name in series}
    for name, counts in series.items():
        for i, count in enumerate(counts):
            if count:
                bars.append(frame.bar((edges[i], edges[i + 1]), (base[i], base[i] + count), by_name[name]))
                base[i] += count
    return _chart(title, caption, frame, by_name, bars=bars, marks=_marks(axis.marks, frame))


def _marks(marks: Mapping[float, str], frame: Frame) -> list[dict[str, Any]]:
    """Lines with their names on the side that has more room, one below the other."""
    low, high = frame.x_range
    inside = [(value, name) for value, name in sorted(marks.items()) if low <= value <= high]
    middle = (frame.left + frame.right) / 2
    return [
        {"x": round(x, 1), "y": TOP + 4 + 12 * (i % MARK_ROWS), "name": name, "at_left": x > middle}
        for i, (x, name) in enumerate((frame.x(value), name) for value, name in inside)
    ]


def curves(
    title: str,
    series: Mapping[str, Sequence[Point]],
    *,
    y_range: tuple[float, float] = (0.0, 1.0),
    caption: str = "",
    threshold: float | None = None,
    shaded: Sequence[tuple[float, float]] = (),
) -> Chart:
    """Lines through points, each with a bar of one standard error up and down.

    `threshold`: where a dashed line lies. `shaded`: from where to where on the horizontal axis the ground is grey.
    """
    xs = [x for points in series.values() for x, _, _ in points] or [0.0]
    frame = Frame((min(xs) - 0.5, max(xs) + 0.5), y_range)
    lines = [
        {"colour": colour, "points": [frame.point(point) for point in points]}
        for colour, points in zip(_colours(series).values(), series.values(), strict=True)
    ]
    dashed = [] if threshold is None else [round(frame.y(threshold), 1)]
    grey = [frame.span(part) for part in shaded]
    return _chart(title, caption, frame, _colours(series), lines=lines, dashed=dashed, grey=grey)


def bars(title: str, values: Mapping[str, float], *, caption: str = "") -> Chart:
    """A level bar and its number for each name, in the order given."""
    scale = (WIDTH - NAME_WIDTH - 64) / max([*values.values(), 1e-9])
    rows = [
        {"name": _short(name), "y": TOP + i * BAR_HEIGHT, "width": round(n * scale, 1), "value": number(n)}
        for i, (name, n) in enumerate(values.items())
    ]
    height = TOP + len(rows) * BAR_HEIGHT + 4
    svg = _BARS.render(title=title, rows=rows, width=WIDTH, height=height, left=NAME_WIDTH, colour=COLOURS[0])
    return Chart(svg=Markup(svg), height=height, caption=caption)


def joined(panels: Sequence[Chart]) -> str:
    """Charts as one SVG file, two side by side."""
    high = max(panel.height for panel in panels) + GAP
    size = (COLUMNS * (WIDTH + GAP) + GAP, -(-len(panels) // COLUMNS) * high + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * size[0]}" viewBox="0 0 {size[0]} {size[1]}">']
    parts.append('<rect width="100%" height="100%" fill="#ffffff"/>')
    for i, panel in enumerate(panels):
        x, y = GAP + i % COLUMNS * (WIDTH + GAP), GAP + i // COLUMNS * high
        place = f'<svg x="{x}" y="{y}" width="{WIDTH}" height="{panel.height}" '
        parts.append(str(panel.svg).strip().replace("<svg ", place, 1))  # Markup would escape the place
    return "\n".join([*parts, "</svg>"])


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _colours(series: Mapping[str, Any]) -> dict[str, str]:
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(series)}


def _chart(title: str, caption: str, frame: Frame, colours: Mapping[str, str], **drawn: Any) -> Chart:
    legend = _legend(colours) if len(colours) > 1 else []
    height = max([frame.bottom + 18, *(entry["y"] for entry in legend)]) + 8
    svg = _PLOT.render(title=title, frame=frame, legend=legend, width=WIDTH, height=height, **drawn)
    return Chart(svg=Markup(svg), height=height, caption=caption)


def _legend(colours: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each name with its colour and place, in rows under the plot."""
    x, y, entries = float(LEFT), HEIGHT - BOTTOM + 36, []
    for name, colour in colours.items():
        width = 30 + 6.5 * len(name)
        if x + width > WIDTH and x > LEFT:
            x, y = float(LEFT), y + LEGEND_HEIGHT
        entries.append({"name": name, "colour": colour, "x": x, "y": y})
        x += width
    return entries


_TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)

_PLOT = _TEMPLATES.from_string("""
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ title }}"
 font-family="system-ui, sans-serif" font-size="12" fill="#5c6a79">
{% for part in grey or [] %}
<rect x="{{ part.x }}" y="{{ frame.top }}" width="{{ part.width }}" height="{{ frame.bottom - frame.top }}"
 fill="#e9ecef"/>
{% endfor %}
<text x="0" y="13" font-size="14" font-weight="600" fill="#1d2733">{{ title }}</text>
{% for y, text in frame.y_ticks %}
<line x1="{{ frame.left }}" x2="{{ frame.right }}" y1="{{ y }}" y2="{{ y }}" stroke="#e6eaee"/>
<text x="{{ frame.left - 5 }}" y="{{ y + 4 }}" text-anchor="end">{{ text }}</text>
{% endfor %}
{% for x, text in frame.x_ticks %}
<text x="{{ x }}" y="{{ frame.bottom + 15 }}" text-anchor="middle">{{ text }}</text>
{% endfor %}
<line x1="{{ frame.left }}" x2="{{ frame.right }}" y1="{{ frame.bottom }}" y2="{{ frame.bottom }}"
 stroke="#8a97a5"/>
{% for bar in bars or [] %}
<rect x="{{ bar.x }}" y="{{ bar.y }}" width="{{ bar.width }}" height="{{ bar.height }}"
 fill="{{ bar.colour }}"/>
{% endfor %}
{% for mark in marks or [] %}
<line x1="{{ mark.x }}" x2="{{ mark.x }}" y1="{{ frame.top }}" y2="{{ frame.bottom }}" stroke="#a33b53"
 stroke-width="1.4" stroke-dasharray="4 3"/>
<text x="{{ mark.x - 4 if mark.at_left else mark.x + 4 }}" y="{{ mark.y + 4 }}" font-size="11" fill="#a33b53"
 stroke="#fff" stroke-width="3" paint-order="stroke"
 text-anchor="{{ "end" if mark.at_left else "start" }}">{{ mark.name }}</text>
{% endfor %}
{% for line in lines or [] %}
<polyline fill="none" stroke="{{ line.colour }}" stroke-width="1.8"
 points="{% for p in line.points %}{{ p.x }},{{ p.y }} {% endfor %}"/>
{% for p in line.points %}
<line x1="{{ p.x }}" x2="{{ p.x }}" y1="{{ p.low }}" y2="{{ p.high }}" stroke="{{ line.colour }}"/>
<circle cx="{{ p.x }}" cy="{{ p.y }}" r="2.6" fill="{{ line.colour }}"/>
{% endfor %}
{% endfor %}
{% for entry in legend %}
<rect x="{{ entry.x }}" y="{{ entry.y - 9 }}" width="10" height="10" fill="{{ entry.colour }}"/>
<text x="{{ entry.x + 14 }}" y="{{ entry.y }}">{{ entry.name }}</text>
{% endfor %}
{% for y in dashed or [] %}
<line x1="{{ frame.left }}" x2="{{ frame.right }}" y1="{{ y }}" y2="{{ y }}" stroke="#8a97a5" stroke-dasharray="4 3"/>
{% endfor %}
</svg>""")

_BARS = _TEMPLATES.from_string("""
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ title }}"
 font-family="system-ui, sans-serif" font-size="12" fill="#1d2733">
<text x="0" y="13" font-size="14" font-weight="600">{{ title }}</text>
{% for row in rows %}
<text x="{{ left - 6 }}" y="{{ row.y + 14 }}" text-anchor="end" font-size="11">{{ row.name }}</text>
<rect x="{{ left }}" y="{{ row.y + 3 }}" width="{{ row.width }}" height="14" fill="{{ colour }}"/>
<text x="{{ left + row.width + 5 }}" y="{{ row.y + 14 }}" fill="#5c6a79">{{ row.value }}</text>
{% endfor %}
</svg>""")
