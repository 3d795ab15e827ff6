"""Wrong tries at the exercises, a module a chapter: WRONG, {check: [(answer, words), …]}, with the
words that only the answer to that try has, and SCOPE, the names that the chapter's answers use.
ALSO_RIGHT, {check: [answer, …]}, where there is more than one way to be right."""

from collections.abc import Callable

import chapters


def changes_of(chapter: str) -> Callable[..., str]:
    """`changed(check, (old, new), …)`: a solution of the chapter with something in it replaced."""
    solutions = {card.check: card.solution for card in chapters.cards(chapters.path_of(chapter))}

    def changed(check: str, *replacements: tuple[str, str]) -> str:
        solution = solutions[check]
        for old, new in replacements:
            assert old in solution, f"{old!r} is not in the solution of {check}"
            solution = solution.replace(old, new, 1)
        return solution

    return changed
