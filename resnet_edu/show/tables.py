"""The ledger and the recipes as tables, for a page and for a terminal, and what they come to."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..ledger import PLANNED, Missing, Row, title_of
from ..paper import PUBLISHED
from ..recipes import RECIPES, Recipe


@dataclass(frozen=True)
class Table:
    """Cells of text under a head: aligned where it is printed, Markdown where it is displayed.

    Columns whose name is in `right` hold numbers and end at the right.
    """

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    right: tuple[str, ...] = ()

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]

        def line(cells: tuple[str, ...]) -> str:
            sides = [">" if name in self.right else "<" for name in self.head]
            filled = [f"{c:{s}{w}}" for c, s, w in zip(cells, sides, widths, strict=True)]
            return "  ".join(filled).rstrip()

        return "\n".join(map(line, [self.head, *self.rows]))

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        rule = ["---:" if name in self.right else ":---" for name in self.head]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in [self.head, rule, *self.rows])


def ledger_table(rows: Sequence[Row], links: str | None = None) -> Table:
    """A line a row of the ledger, with the folders of the runs; or a page's links to them.

    `links` is the way from the page to the folder of all runs.
    """
    # What was found comes before the rest, or a telephone would show it only to those who swipe.
    head = ("network", "dataset", "recipe", "test error, %", "the paper's, %", "seeds")
    more = ("parameters", "precision", "machine", "minutes a run")
    lines = []
    for row in rows:
        error = f"{row.error:.2f}" + ("" if row.spread is None else f" ± {row.spread:.2f}")
        cells = (row.network, row.dataset, row.recipe, error, str(row.published or "–"))
        cells += (_list(row.seeds),)
        if links:
            cells += (
                " ".join(
                    f"[s{run.record['seed']}]({links}/{run.name}/record.json)" for run in row.runs
                ),
            )
        minutes = f"{row.minutes:.1f}" if row.minutes < 10 else f"{row.minutes:,.0f}"
        resumed = f", resumed {row.resumed}×" if row.resumed else ""
        cells += (f"{row.parameters:,}", row.precision, row.machines, minutes + resumed)
        if not links:  # in a terminal the long column comes last
            cells += (", ".join(str(run.folder) for run in row.runs),)
        lines.append(cells)
    right = ("test error, %", "the paper's, %", "parameters", "minutes a run")
    head = (*head, "record", *more) if links else (*head, *more, "record")
    return Table(head, lines, right)


def missing_table(missing: Sequence[Missing]) -> Table:
    """A line for each network, dataset and recipe with planned runs that are not made."""
    lines = []
    for kind in missing:
        published = PUBLISHED.get((kind.network, kind.dataset, kind.recipe), "–")
        cells = (kind.network, kind.dataset, kind.recipe, "not made", str(published))
        lines.append((*cells, _list(kind.seeds)))
    head = ("network", "dataset", "recipe", "test error, %", "the paper's, %", "seeds")
    return Table(head, lines, ("test error, %", "the paper's, %"))


def recipe_table(recipes: Sequence[Recipe] = tuple(RECIPES.values())) -> Table:
    """A line a recipe: how long, how fast, with what."""
    head = ("recipe", "iterations", "batch", "learning rate", "momentum", "weight decay")
    lines = [
        (
            recipe.name,
            f"{recipe.iterations:,}",
            f"{recipe.batch}",
            schedule_words(recipe),
            f"{recipe.momentum:g}{', Nesterov' if recipe.nesterov else ''}",
            f"{recipe.weight_decay:g}",
            "yes" if recipe.augment else "no",
        )
        for recipe in recipes
    ]
    return Table((*head, "crops and flips"), lines, ("iterations", "batch"))


def schedule_words(recipe: Recipe) -> str:
    """The learning rate's way in words: "0.1, ÷10 at 32,000 and at 48,000"."""
    if recipe.schedule == "one-cycle":
        peak = f"{recipe.milestones[0]:,}"
        return f"0 to {recipe.lr:g} over {peak} iterations, then down to 0 at the end"
    words = f"{recipe.lr:g}"
    if recipe.milestones:
        words += f", ÷10 at {' and at '.join(f'{m:,}' for m in recipe.milestones)}"
    if recipe.warm_up_below is not None:
        words += (
            f"; {recipe.lr / 10:g} until the training error is below {recipe.warm_up_below:g} %"
        )
    return words


def summary(rows: Sequence[Row], missing: Sequence[Missing]) -> str:
    """What the ledger comes to, in Markdown: how much is made, and how it compares to the paper."""
    runs = sum(len(row.runs) for row in rows)
    absent = sum(len(kind.seeds) for kind in missing)
    are = "run is" if runs == 1 else "runs are"
    text = f"{runs} {are} finished. Of the {len(PLANNED)} planned, {absent} are **not made**."
    compared = [row for row in rows if row.published]
    if not compared:
        return (
            f"{text} For none of the finished does the paper report an error: it does so for its "
            "own recipe on CIFAR-10, and for residual networks only."
        )
    return "\n".join([text, "", *map(_compare, compared)])


def _compare(row: Row) -> str:
    """A row beside the paper's number, as an item of a list."""
    seeds = "1 seed" if row.spread is None else f"mean of {len(row.seeds)} seeds"
    # The numbers are compared as they are shown.
    points = round(round(row.error, 2) - row.published.comparable, 2)
    than = f"{abs(points):.2f} points {'more' if points > 0 else 'less'}" if points else "the same"
    paper = "the paper's" if row.published.mean is None else "the mean of the paper's five runs,"
    return (
        f"- {title_of(row.network)}, recipe {row.recipe}, in {row.precision}: {row.error:.2f} % of "
        f"the test pictures wrong ({seeds}), {than} {'as' if not points else 'than'} {paper} "
        f"{row.published.comparable:.2f} %."
    )


def _list(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
