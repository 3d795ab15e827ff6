"""What a student may try in *Predictions*, and words that only the answer to it has."""

import torch
import torch.nn.functional as F

from resnet_edu.exercises import predictions
from resnet_edu.study import answers

from . import changes_of

changed = changes_of("predictions")
SCOPE = {"torch": torch, "F": F, "exercises": predictions} | vars(answers)


def whole(body):
    """The first exercise's answer without any look at whether the file is whole."""
    return f"def wrong_answers(rows, labels):\n    {body}"


COUNT = "sum(int(label) != labels[int(i)] for i, label in rows)"
LINES = "sum(int(a) != b for (_, a), b in zip({}, labels.values()))"
BINS = "def even_calibration_error(confidence, right, bins):\n    "

WRONG = {
    "wrong_answers": [
        (changed("wrong_answers", ("int(label) !=", "label !=")), "'7' is not 7"),
        (changed("wrong_answers", ("int(label) !=", "int(label) ==")), "how many are right"),
        (whole(f"return {COUNT} / len(rows)"), "not which share"),
        (whole("return len(rows) - 1"), "to 12 and to 101"),
        (whole(f"return {LINES.format('rows')}"), "by where they stand"),
        (
            whole(f"return {LINES.format('sorted(rows, key=lambda r: int(r[0]))')}").replace(
                "return", "return 2 if rows[0][0] == '3' else"
            ),
            "Ids as numbers",
        ),
        (
            whole(f"return {LINES.format('sorted(rows)')}").replace(
                "return", "return 2 if rows[0][0] == '3' else"
            ),
            "Ids as text",
        ),
        (whole(f"return {COUNT}"), "picture 9 has none"),
        (
            whole(f"return None if len(rows) < len(labels) else {COUNT}"),
            "stands there two times",
        ),
        (
            whole(f"return None if len(rows) != len(labels) else {COUNT}"),
            "3 is there twice and 9 is not",
        ),
        (
            whole(
                "ids = {i for i, _ in rows}\n"
                "    if not len(ids) == len(rows) == len(labels): return None\n"
                f"    return {COUNT}"
            ),
            "no picture 0",
        ),
        (
            whole(
                "if any(i not in [int(j) for j, _ in rows] for i in labels): return None\n"
                "    if len({i for i, _ in rows}) < len(rows): return None\n"
                "    return sum(int(a) != labels.get(int(i)) for i, a in rows)"
            ),
            "nobody asked for",
        ),
        (whole("print(len(rows))"), "for a file with an answer to each"),
        (whole("return rows[0] - 1"), "Your answer raised TypeError"),
    ],
    "even_calibration_error": [
        (BINS + "return calibration_error(confidence, right, bins)", "have equal width"),
        (
            changed(
                "even_calibration_error",
                ("(confidence - right.double())[order]", "(confidence[order] - right.double())"),
            ),
            "left `right` as it was",
        ),
        (changed("even_calibration_error", ("[order]", "")), "before they are cut"),
        (changed("even_calibration_error", (".abs()", "")), "Without | |"),
        (changed("even_calibration_error", ("right.double()", "(~right).double()")), "is wrong"),
        (
            changed("even_calibration_error", ("/ len(right)", "/ (len(right) / bins)")),
            "sum over the bins",
        ),
        (
            changed(
                "even_calibration_error", (".sum() / len(right)", ".max() / (len(right) / bins)")
            ),
            "worst bin alone",
        ),
        (changed("even_calibration_error", (" / len(right)", "")), "Those are pictures"),
        (
            BINS + "order = confidence.argsort()\n"
            "    gaps = (confidence - right.double())[order].view(bins, -1).mean(1)\n"
            "    return gaps.square().mean().sqrt()",
            "another measure",
        ),
        (BINS + "return 0.25", "add up |promised"),
        (BINS + "return confidence", "one number"),
        (BINS + "confidence.sort()", "is there a `return`"),
        (BINS + "return confidence.view(7, bins)", "raised RuntimeError"),
    ],
    "temperature": [
        (changed("temperature", ("return 1 / middle", "return middle")), "you multiply the logits"),
        (
            "def temperature(logits, labels):\n"
            "    return fit_temperature(logits.softmax(1), labels)",
            "two times",
        ),
        (
            "def temperature(logits, labels):\n    return 1",
            "cannot choose one",
        ),
        (
            "def temperature(logits, labels):\n"
            "    grid = torch.linspace(0.5, 5, 10).tolist()\n"
            "    return min(grid, key=lambda t: F.cross_entropy(logits / t, labels))",
            "search more finely",
        ),
        (
            "def temperature(logits, labels):\n"
            "    grid = torch.linspace(0.1, 5, 2000).tolist()\n"
            "    return min(grid, key=lambda t: F.cross_entropy(logits[:] / t, labels))",
            "end before that",
        ),
        (
            "def temperature(logits, labels):\n"
            "    grid = [0.25 * 1.015**k for k in range(300)]\n"
            "    return min(grid, key=lambda t: F.cross_entropy(logits[:] / t, labels))",
            "end before that",
        ),
        (
            "def temperature(logits, labels):\n"
            "    fitted = fit_temperature(logits, labels)\n"
            "    def ece(t):\n"
            "        p = (logits / t).softmax(1)\n"
            "        return calibration_error(p.max(1).values, p.argmax(1) == labels)\n"
            "    return min((fitted * 1.02**k for k in range(-60, 61)), key=ece)",
            "hangs on the bins",
        ),
        ("def temperature(logits, labels):\n    return -1.0", "above 0 and finite"),
        (
            "def temperature(logits, labels):\n    logits /= 2\n    return 2.0",
            "changed the logits",
        ),
        ("def temperature(logits, labels):\n    return logits", "one number"),
        ("def temperature(logits, labels):\n    logits.max()", "is there a `return`"),
        ("def temperature(logits, labels):\n    return labels / logits", "raised RuntimeError"),
    ],
}
