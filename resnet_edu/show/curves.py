"""Curves of training and test error, plain beside residual, that follow the page's theme.

The manner is that of He et al. (2015), figure 6: error in per cent against iterations, training
error dashed and thin, test error bold, the same axes for both kinds. A deeper network has a heavier
and darker line, and each is named where it ends, so that grey tells them apart as well.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import mean

from ..ledger import comparison_of, recipe_of, title_of
from ..records import Run
from ..resnet import depth_of
from ..train import Evaluation
from .drawing import Drawing
from .figures import PLAIN, RESIDUAL

WIDTH, HEIGHT = 308, 256  # of a panel, in its own units; two fit side by side
LEFT, RIGHT, TOP, BOTTOM = 28, 98, 40, 42  # what lies around the axes
ACROSS, DOWN = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
LINE = 14  # between two names
# The page gives the colours for both themes; elsewhere those of the other figures stand in.
COLOURS = {"plain": f"var(--line-plain, {PLAIN})", "residual": f"var(--line-residual, {RESIDUAL})"}


def draw_curves(runs: Sequence[Run]) -> Drawing:
    """The runs' curves in one panel a kind, with a caption and a text made from what they hold.

    A test error that was not measured is left out; the last one has a dot. ValueError where there
    is no run, or where two differ in dataset, recipe or precision and are not to be compared.
    """
    if not runs:
        raise ValueError("there is no run to draw")
    for run in runs:
        if comparison_of(run) != comparison_of(runs[0]):
            raise ValueError(
                f"{runs[0].name} and {run.name} do not belong in one figure: the one is of "
                f"{', '.join(comparison_of(runs[0]))}, the other of {', '.join(comparison_of(run))}"
            )
    kinds = {}
    for run in sorted(runs, key=lambda run: (depth_of(run.record["network"]), run.name)):
        kind = "plain" if run.record["network"].startswith("plain") else "residual"
        kinds.setdefault(kind, []).append(run)
    end = recipe_of(runs[0]).iterations
    top = _top(runs)
    shown = [kind for kind in ("plain", "residual") if kind in kinds]
    svgs = tuple(_panel(kind, kinds[kind], end, top) for kind in shown)
    return Drawing(svgs, _alt(kinds, shown), _caption(kinds))


def _top(runs: Sequence[Run]) -> int:
    """The error at the top of the axes: twice the worst at the end, as the paper's 20 % are.

    A worst that is far off would press the others flat: never more than 20 points above it. A
    one-cycle run is short and has no flat part to look at; there it is the worst of all.
    """
    if recipe_of(runs[0]).schedule == "one-cycle":
        errors = [error for run in runs for row in run.metrics for error in _errors(row)]
        worst = max(error for error in errors if not math.isnan(error))
    else:
        ends = (error for run in runs for error in (run.test_error, *_errors(run.metrics[-1])))
        worst = max(ends)
        worst = min(2 * worst, worst + 20)
    return max(5, min(100, 5 * math.ceil(worst / 5)))


def _errors(row: Evaluation) -> tuple[float, float]:
    return row.train_error, row.test_error


def _panel(kind: str, runs: Sequence[Run], end: int, top: int) -> str:
    """The runs of one kind, as an SVG."""
    networks = list(dict.fromkeys(run.record["network"] for run in runs))
    curves = []
    for run in runs:
        # From 0.6 to 1: the deepest is the darkest.
        i = networks.index(run.record["network"])
        shade = 1 - 0.4 * (len(networks) - 1 - i) / max(1, len(networks) - 1)
        look = f'fill="none" opacity="{shade:.2f}" stroke-linejoin="round"'
        training = _path([(row.iteration, row.train_error) for row in run.metrics], end, top)
        test = _path([(row.iteration, row.test_error) for row in run.metrics], end, top)
        curves.append(
            f'<path d="{training}" {look} stroke-width="{1 + 0.2 * i:.1f}" stroke-dasharray="4 3"/>'
        )
        curves.append(f'<path d="{test}" {look} stroke-width="{1.8 + 0.4 * i:.1f}"/>')
    colour = COLOURS[kind]
    # An SVG inside another cuts off what lies above the axes, as the first iterations do. Its size
    # is a style too, or a page's rule for all drawings would undo it.
    inside = (
        f'<svg x="{LEFT}" y="{TOP}" width="{ACROSS}" height="{DOWN}" aria-hidden="true" '
        f'style="width:{ACROSS}px;height:{DOWN}px;max-width:none;stroke:{colour}">'
        f"{''.join(curves)}</svg>"
    )
    dots, names = [], {}
    for run in runs:
        x, y = LEFT + ACROSS, TOP + DOWN * (1 - run.test_error / top)
        dots.append(f'<circle cx="{x}" cy="{y:.1f}" r="3.5" style="fill:{colour}"/>')
        names.setdefault(run.record["network"], []).append(y)
    ends = {title_of(name): sum(heights) / len(heights) for name, heights in names.items()}
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" '
        'aria-hidden="true" font-family="inherit" font-size="12" fill="currentColor">'
        f"{_text(0, 14, kind.capitalize(), 'font-weight:600')}{_text(0, 31, 'error, %')}"
        f"{_axes(recipe_of(runs[0]).milestones, end, top)}{_key()}{inside}{''.join(dots)}"
        f"{_names(ends, colour)}</svg>"
    )


def _path(points: Sequence[tuple[int, float]], end: int, top: int) -> str:
    """The way through the points, in the units of the axes; it breaks where an error is missing."""
    parts, command = [], "M"
    for iteration, error in points:
        if math.isnan(error):
            command = "M"
            continue
        parts.append(f"{command}{ACROSS * iteration / end:.1f} {DOWN * (1 - error / top):.1f}")
        command = "L"
    return "".join(parts)


def _axes(milestones: Sequence[int], end: int, top: int) -> str:
    """Two axes with their marks, and a dotted line where the learning rate turns."""
    parts = [f'<path d="M{LEFT} {TOP}v{DOWN}h{ACROSS}" fill="none" stroke="currentColor"/>']
    for error in _marks(top):
        y = TOP + DOWN * (1 - error / top)
        parts.append(_rule(f"M{LEFT} {y:.1f}h{ACROSS}", "0.2"))
        parts.append(_text(LEFT - 6, y + 4, f"{error}", anchor="end"))
    for iteration in _marks(end):
        x = LEFT + ACROSS * iteration / end
        parts.append(f'<path d="M{x:.1f} {TOP + DOWN}v4" stroke="currentColor"/>')
        parts.append(_text(x, TOP + DOWN + 18, f"{iteration:,}", anchor="middle"))
    for iteration in milestones:
        x = LEFT + ACROSS * iteration / end
        parts.append(_rule(f"M{x:.1f} {TOP}v{DOWN}", "0.6", 'stroke-dasharray="1 3"'))
    parts.append(_text(LEFT + ACROSS / 2, HEIGHT - 6, "iterations", anchor="middle"))
    return "".join(parts)


def _key() -> str:
    """What bold and dashed mean, above the axes."""
    return (
        f'<path d="M{LEFT + 62} 27h22" stroke="currentColor" stroke-width="2.4"/>'
        f"{_text(LEFT + 88, 31, 'test')}"
        f'<path d="M{LEFT + 126} 27h22" stroke="currentColor" stroke-dasharray="4 3"/>'
        f"{_text(LEFT + 152, 31, 'training')}"
    )


def _names(ends: dict[str, float], colour: str) -> str:
    """Each name beside the end of its line, moved up where two would lie on one another."""
    order = sorted(ends, key=ends.get)
    heights = [ends[name] for name in order]
    lowest = TOP + DOWN
    for i in reversed(range(len(heights))):
        heights[i] = lowest = min(heights[i], lowest)
        lowest -= LINE
    x, parts = LEFT + ACROSS, []
    for name, y in zip(order, heights, strict=True):
        if abs(y - ends[name]) > 1:
            parts.append(_rule(f"M{x + 4} {ends[name]:.1f}L{x + 11} {y:.1f}", "0.6"))
        parts.append(_text(x + 13, y + 4, name, f"fill:{colour}"))
    return "".join(parts)


def _marks(end: int) -> list[int]:
    """Round numbers from 0 to `end`, six or fewer."""
    steps = (digit * 10**power for power in range(9) for digit in (1, 2, 5))
    step = next(step for step in steps if end / step <= 5)
    return list(range(0, end + 1, step))


def _rule(path: str, opacity: str, more: str = "") -> str:
    return f'<path d="{path}" stroke="currentColor" fill="none" opacity="{opacity}" {more}/>'


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:.4g}" text-anchor="{anchor}" style="{style}">{text}</text>'


def _alt(kinds: dict[str, list[Run]], shown: Sequence[str]) -> str:
    """What the curves show, for those who cannot see them: where each network ends."""
    sentences = ["Error in per cent against iterations."]
    for kind in shown:
        ends = [
            f"{title_of(run.record['network'])} ends at {run.test_error:.2f} on test pictures "
            f"and {run.metrics[-1].train_error:.2f} on training pictures"
            for run in kinds[kind]
        ]
        sentences.append(f"{kind.capitalize()}: {'; '.join(ends)}.")
    return " ".join(sentences)


def _caption(kinds: dict[str, list[Run]]) -> str:
    """What was trained and how, what the lines are, and what to notice."""
    runs = [run for found in kinds.values() for run in found]
    dataset, name, precision = comparison_of(runs[0])
    recipe = recipe_of(runs[0])
    batches = ", over augmented batches" if recipe.augment else ""
    turn = "turns" if recipe.schedule == "one-cycle" else "is divided by ten"
    parts = [
        f"On {title_of(dataset)}, recipe {name}, {recipe.iterations:,} iterations in {precision}. "
        f"Bold: test error; dashed: training error{batches}; dotted: the learning rate {turn}."
    ]
    if any(len({depth_of(run.record["network"]) for run in found}) > 1 for found in kinds.values()):
        parts.append("The deeper the network, the heavier its lines.")
    if any(math.isnan(row.test_error) for run in runs for row in run.metrics):
        parts.append("Where a dot stands alone, test error was measured at the end only.")
    return " ".join([*parts, _notice(kinds)])


def _notice(kinds: dict[str, list[Run]]) -> str:
    """The ends of the deepest pair, where there is one; the dots in any case."""
    errors = defaultdict(list)
    for run in (run for found in kinds.values() for run in found):
        errors[run.record["network"]].append(run.test_error)
    depths = [d for d in map(depth_of, errors) if {f"plain{d}", f"resnet{d}"} <= errors.keys()]
    if not depths:
        return "Notice the dot: it is the last iterate, the only one whose error is quoted."
    plain, residual = (mean(errors[f"{kind}{max(depths)}"]) for kind in ("plain", "resnet"))
    return (
        "Notice the dots, which are the last iterates and the only ones quoted: with "
        f"{max(depths)} layers {plain:.2f} % plain, {residual:.2f} % residual."
    )
