"""The curves of a run's log over the images seen: losses, held-out figures, schedule, gradient and course."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO, StringIO
from typing import Any

from markupsafe import Markup

from pipelines.charts import Chart
from train.log import Line

TERMS = ("total", "l1", "lpips", "align_cos", "align_dist")
SMOOTHED = 50  # a curve is drawn through so many means of neighbouring lines
HELD_OUT = {"psnr": "dB", "ssim": "", "lpips": ""}  # unit by figure; LPIPS where it is trained on
TICKS = (1.0, 1.5, 2.0, 3.0, 5.0)  # of each power of ten on a logarithmic axis
WIDTH, HEIGHT = 400, 270  # of a panel, in its drawing's units
DPI = 100
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "smallprint", "font.size": 9.0, "axes.titlesize": 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A field of the log that tells how the run goes: its title, unit, factor, and whether its axis is logarithmic."""

    field: str
    title: str
    unit: str = ""
    factor: float = 1.0
    is_log: bool = False


COURSES = (
    Course(field="lr", title="Learning rate"),
    Course(field="gradient_norm", title="Gradient norm, before clipping", is_log=True),
    Course(field="images_per_s", title="Images a second"),
    Course(field="data_wait", title="Time spent waiting for data", unit="%", factor=100.0),
)
Draw = Callable[[Any], None]


def draw_curves(steps: Sequence[Line], evals: Sequence[Line]) -> bytes:
    """A PNG of all panels: losses on a logarithmic scale, held-out figures, and below how the run went."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [row for row in _panels(steps, evals) if row]
    with rc_context(STYLE):
        figure = Figure(figsize=(13, 3.2 * len(rows)), dpi=DPI, layout="constrained")
        for part, row in zip(figure.subfigures(len(rows), 1, squeeze=False).flatten(), rows, strict=True):
            for axis, draw in zip(part.subplots(1, len(row), squeeze=False).flatten(), row, strict=True):
                _finish(axis, draw)
        png = BytesIO()
        FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()


def draw_charts(steps: Sequence[Line], evals: Sequence[Line]) -> list[Chart]:
    """The same panels, each a chart of its own, so that a page has as many side by side as fit."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        return [Chart(svg=Markup(_svg(draw)), height=HEIGHT) for row in _panels(steps, evals) for draw in row]


def _svg(draw: Draw) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), layout="constrained")
    _finish(figure.subplots(), draw)
    text = StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg ") :]


def _finish(axis: Any, draw: Draw) -> None:
    draw(axis)
    axis.grid(alpha=0.3)
    axis.xaxis.set_major_locator(_few_numbers())
    axis.xaxis.set_major_formatter(lambda x, _: short_count(x))
    if len(axis.lines) > 1:
        axis.legend(fontsize=8)


def short_count(count: float) -> str:
    """A number of images as it stands on an axis: 800, 20k, 2.5M, 1,000M."""
    if count >= 1e6:
        return f"{count / 1e6:,g}M"
    return f"{count / 1e3:g}k" if count >= 1e4 else f"{count:,.0f}"


def _few_numbers() -> Any:
    """Ticks of whole numbers, few enough that millions fit side by side."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4, integer=True)


def _panels(steps: Sequence[Line], evals: Sequence[Line]) -> tuple[list[Draw], list[Draw]]:
    """What draws each panel on an axis: of what is learnt, and of how the run goes."""
    held_out = [partial(_draw_held_out, evals, name, unit) for name, unit in figures_of(evals).items()]
    told = [course for course in COURSES if any(line.get(course.field) is not None for line in steps)]
    return [partial(_draw_losses, steps), *held_out], [partial(_draw_course, steps, course) for course in told]


def _draw_losses(steps: Sequence[Line], axis: Any) -> None:
    """The terms of the loss; L1 alone where it is the total."""
    terms = TERMS if any(set(TERMS[2:]) & line.keys() for line in steps) else ("l1",)
    for name in terms:
        _plot(axis, smoothed(_points(steps, name)), name)
    alone = "mean absolute difference,\npixels from -1 to 1"
    meaning = alone if terms == ("l1",) else "terms as they are, total weighted"
    axis.set(title="Loss", xlabel="images seen", ylabel=meaning)
    if steps:
        _by_powers(axis)


def _draw_held_out(evals: Sequence[Line], figure_name: str, unit: str, axis: Any) -> None:
    """One figure of the held-out images, a curve for each kind of them."""
    for name in held_out_names(evals, figure_name):
        points = _points(evals, name)
        marker = "o" if len(points) <= SMOOTHED else ""
        _plot(axis, points, name.partition("/")[2], marker=marker, markersize=3)
    axis.set(title=f"Held-out {figure_name.upper()}, averaged weights", xlabel="images seen", ylabel=unit)


def _draw_course(steps: Sequence[Line], course: Course, axis: Any) -> None:
    points = smoothed(_points(steps, course.field))
    _plot(axis, [(x, course.factor * y) for x, y in points], course.field)
    axis.set(title=course.title, xlabel="images seen", ylabel=course.unit)
    if course.is_log:
        _by_powers(axis)
    else:
        axis.set_ylim(0, 1.08 * max(axis.dataLim.ymax, 1e-9))


def _by_powers(axis: Any) -> None:
    """Make the vertical axis logarithmic, with plain numbers on it."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=TICKS))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def _plot(axis: Any, points: Sequence[tuple[float, float]], label: str, **how: Any) -> None:
    if points:
        axis.plot(*zip(*points, strict=True), label=label, **how)


def _points(lines: Sequence[Line], name: str) -> list[tuple[float, float]]:
    """A field of the log where it is finite, over the images seen."""
    return [(line["images"], line[name]) for line in lines if line.get(name) is not None]


def figures_of(evals: Sequence[Line]) -> Mapping[str, str]:
    """The held-out figures that there are, with their units."""
    return {name: unit for name, unit in HELD_OUT.items() if name != "lpips" or any(held_out_names(evals, name))}


def held_out_names(evals: Sequence[Line], figure: str) -> Iterable[str]:
    """The names of a held-out figure, one a component."""
    return dict.fromkeys(key for line in evals for key in line if key.startswith(f"{figure}/"))


def smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Up to SMOOTHED points, each the mean of its share of neighbours."""
    size = -(-len(points) // SMOOTHED) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]
