"""What a student may try in *Faster*, and words that only the answer to it has."""

import statistics

import torch

from resnet_edu.exercises import faster

from . import changes_of

changed = changes_of("faster")
SCOPE = {"torch": torch, "statistics": statistics, "exercises": faster}


def intensity(*replacements):
    """The first exercise's answer, with mistakes."""
    return changed("intensity", *replacements)


def race(*replacements):
    """The second exercise's answer, with mistakes."""
    return changed("race", *replacements)


def descend(body):
    """The third exercise's answer, with this for its body."""
    return f"def descend(weights, step, dice):\n    {body}"


def by_bits(number, bits="(bits + dice) & -65536", end=".bfloat16()"):
    """The same by way of the bits, as the solution has it."""
    return descend(
        f"bits = ({number}).view(torch.int32)\n    return ({bits}).view(torch.float32){end}"
    )


EXACT = "weights.float() - step"
ONE_BY_ONE = """\
def race(a, b, rounds, clock, wait):
    a(), b(), wait()
    seconds = []
    for step in (a, b):
        for _ in range(rounds):
            started = clock()
            step()
            wait()
            seconds.append(clock() - started)
    ratios = [x / y for x, y in zip(seconds, seconds[rounds:])]
    return statistics.median(ratios), min(ratios), max(ratios)
"""
NO_WARM_UP = "    a()\n    b()\n    wait()\n"
TIMED = "            step()\n            wait()\n"

WRONG = {
    "intensity": [
        (intensity((" + 9 * ins * outs", "")), "have to be fetched too"),
        (intensity((" + 9 * ins * outs", " + 9 * ins * outs * batch")), "not once a picture"),
        (intensity(("width * (", "(")), "A value has `width` bytes"),
        (intensity(("/ (width *", "* width / (")), "where you should divide"),
        (intensity(("read + written", "read")), "What is written has to be moved"),
        (intensity(("read + written", "written")), "What is read has to be moved"),
        (intensity(("side // stride", "side")), "both its side and its work"),
        (intensity(("outs * out**2 * batch", "outs * side**2 * batch")), "a quarter of the work"),
        (intensity(("batch * outs * out**2", "batch * outs * side**2")), "fewer bytes, too"),
        (intensity(("work = 9", "work = 18")), "count as one here"),
        (intensity(("work = 9 * ", "work = "), ("+ 9 * ", "+ ")), "for each pair of channels"),
        (intensity(("outs * out**2 * batch", "outs * out**2")), "a whole batch's bytes"),
        (intensity(("return work / (", "return 1 / work * (")), "turned it over"),
        (intensity(("return work", "work")), "is there a `return`"),
    ],
    "race": [
        (race((NO_WARM_UP, "")), "the first call is like no other"),
        (ONE_BY_ONE, "who comes later"),
        (race(("if i % 2 == 0 else (b, a)", "")), "goes first in every round"),
        (race((TIMED, "            step()\n")), "times the telling"),
        (
            race(
                ("            started = clock()\n", ""),
                ("        for step in", "        started = clock()\n        for step in"),
            ),
            "the numbers are not",
        ),
        (race((NO_WARM_UP, "    a()\n    b()\n")), "still being done"),
        (race(("statistics.median(ratios)", "statistics.mean(ratios)")), "One interruption"),
        (
            race(
                (
                    "statistics.median(ratios)",
                    "statistics.median(seconds[a]) / statistics.median(seconds[b])",
                )
            ),
            "ratio of two medians",
        ),
        (race(("x / y for", "y / x for")), "turned the ratio over"),
        (race(("min(ratios), max(ratios)", "max(ratios), min(ratios)")), "changed places"),
        (
            race(("statistics.median(ratios)", "sorted(ratios)[rounds // 2]")),
            "half-way between the two",
        ),
        (race((TIMED, 2 * TIMED)), "makes 6 each"),
        (race((", min(ratios), max(ratios)", "")), "should be (median, lowest, highest)"),
        (race(("return statistics", "statistics")), "is there a `return`"),
    ],
    "descend": [
        (descend(f"return ({EXACT}).bfloat16()"), "gives the nearest value"),
        (descend("return weights - step.bfloat16()"), "gives the nearest value"),
        (by_bits("(weights - step.bfloat16()).float()"), "gives the nearest value"),
        (by_bits(EXACT, "bits & -65536"), "cuts towards 0"),
        (by_bits("weights.float() + step"), "walk uphill"),
        (by_bits("weights.float() - step.bfloat16().float()"), "lost digits"),
        (by_bits(EXACT, "bits + dice"), "half a gap too far out"),
        (by_bits(EXACT, "(bits + dice - 32768) & -65536"), "half a gap too far in"),
        (by_bits(EXACT, end=""), "yours are torch.float32"),
        (
            by_bits(EXACT, "(bits + torch.randint(65536, dice.shape, dtype=torch.int32)) & -65536"),
            "throw none of your own",
        ),
        (by_bits(EXACT, "(bits + dice // 2) & -65536"), "would make the mean right"),
        (descend(f"x = {EXACT}\n    return (x + dice / 65536).bfloat16()"), "neighbours; yours"),
        (descend(f"weights.sub_(step)\n    return ({EXACT}).bfloat16()"), "Return new weights"),
        (descend(f"({EXACT}).bfloat16()"), "is there a `return`"),
        (descend(f"return ({EXACT}).mean().bfloat16()"), "tensor of shape"),
    ],
}
