"""What a student may try in *The recipe*, and words that only the answer to it has."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu.exercises import recipe

from . import changes_of

changed = changes_of("recipe")
SCOPE = {
    **{"torch": torch, "nn": nn, "F": F, "math": math, "copy": copy},
    "exercises": recipe,
}


def loss(body):
    """The first exercise's answer, with this for its body."""
    return f"def cross_entropy(logits, labels):\n    n = range(len(labels))\n    {body}"


def softmaxed(result):
    """The same by way of the softmax, which is right for ordinary logits."""
    return loss(f"p = logits.softmax(1)[n, labels]\n    return {result}")


def rates(*replacements):
    """The second exercise's answer, with mistakes."""
    return changed("rates", *replacements)


def caffe(*replacements):
    """The third exercise's answer, with mistakes."""
    return changed("caffe", *replacements)


def state(*replacements):
    """The fourth exercise's answer, with mistakes."""
    return changed("resume", *replacements)


def left_out(name):
    """The fourth exercise's answer without one part, out and back."""
    back = {
        "generator": '    run.generator.set_state(state["generator"])\n',
        "order": '    run.batches.order = state["order"]\n',
    }.get(name, f'    run.{name} = state["{name}"]\n')
    return state((back, ""))


MEAN = "sum(errors[i - look : i]) / look >= below"
RENEW = "v.mul_(self.momentum).add_(lr * slope)\n            "
STEP = RENEW + "w.sub_(v)"
SLOPE = "slope = w.grad + self.weight_decay * w"
NO_GRAD = "    @torch.no_grad()\n"

WRONG = {
    "cross_entropy": [
        (softmaxed("-p.log().mean()"), "Never compute it"),
        (
            loss("p = logits.exp()\n    p = p / p.sum(1, keepdim=True)\n    ")
            + "return -p[n, labels].log().mean()",
            "more than float64 can hold",
        ),
        (
            loss("z = logits - logits.max()\n    ")
            + "return (z.exp().sum(1).log() - z[n, labels]).mean()",
            "Each row has its own",
        ),
        (softmaxed("-(p + 1e-6).log().mean()"), "bends it"),
        (softmaxed("-p.log().sum()"), "the sum over the batch"),
        (softmaxed("-p.log()"), "a loss a picture"),
        (softmaxed("-p.log().mean() / logits.shape[1]"), "pictures times classes"),
        (softmaxed("-p.log2().mean()"), "Those are bits"),
        (softmaxed("-p.log10().mean()"), "to base 10"),
        (softmaxed("p.log().mean()"), "the wrong way round"),
        (softmaxed("-p.mean()"), "without its logarithm"),
        (loss("return -logits[n, labels].mean()"), "the logit alone"),
        (loss("return -logits.softmax(0)[n, labels].log().mean()"), "runs over the pictures"),
        (loss("return -logits.softmax(1).log().sum(1).mean()"), "Only the right one"),
        (
            loss("return (logits.softmax(1) - F.one_hot(labels, 12)).pow(2).sum(1).mean()"),
            "squared error",
        ),
        (loss("return F.cross_entropy(logits, labels)"), "ready-made"),
        (
            loss("return (torch.special.logsumexp(logits, 1) - logits[n, labels]).mean()"),
            "ready-made",
        ),
        (
            loss("z = logits * F.one_hot(labels, 10)\n    return z.sum()"),
            "raised RuntimeError",
        ),
        (softmaxed("-p.log().mean().item()"), "a tensor of one number"),
        (softmaxed("-p.log().mean().detach()"), "cut it off"),
        (
            changed("cross_entropy", ("z.exp().sum(dim=1).log()", "z.exp().sum(1).log().detach()")),
            "what was detached",
        ),
        (softmaxed("-p.log().mean() + 1"), "Here the loss is"),
        (loss("print(labels)"), "is there a `return`"),
        (loss("return labels.nothing"), "raised AttributeError"),
    ],
    "rates": [
        (
            rates(("lr / 10 if warming_up else lr * 0.1**passed", "lr / 10 * 0.1**passed")),
            "A warm-up that never ends",
        ),
        (rates((">= below", ">= below / 100")), "Your warm-up never ends"),
        (rates(("/ look >= below", "/ look / 100 >= below")), "whatever the error"),
        (rates((">= below", "> below")), "80 exactly"),
        (rates((MEAN, "sum(errors[:i]) / i >= below")), "since the start"),
        (rates((MEAN, "errors[i - 1] >= below")), "lucky batch"),
        (rates(("if warming_up and i and", "if i and")), "Once ended"),
        (
            rates(
                ("[], True", "[], True\n    end = 0"),
                (f"{MEAN}\n", f"{MEAN}\n            end = i\n"),
                ("sum(i >= milestone", "sum(i - end >= milestone"),
            ),
            "from the end of the warm-up",
        ),
        (rates(("lr / 10 if warming_up", "lr / 10 * 0.1**passed if warming_up")), "or not"),
        (rates(("i >= milestone", "i > milestone")), "divided an update late"),
        (rates(("0.1**passed", "0.1**min(passed, 1)")), "by 100 in all"),
        (
            rates(
                (
                    "if warming_up and i and i % look == 0",
                    "if warming_up and i > 1 and i % look == 1",
                ),
                (MEAN, "sum(errors[i - look - 1 : i - 1]) / look >= below"),
            ),
            "ends an update late",
        ),
        (
            rates(
                (
                    "if warming_up and i and i % look == 0",
                    "if warming_up and i % look == look - 1",
                ),
                (MEAN, "sum(errors[i - look + 1 : i + 1]) / look >= below"),
            ),
            "You know the future",
        ),
        (rates(("i and i % look == 0", "i >= look")), "after every update"),
        (rates(("lr / 10 if", "lr / 5 if")), "should use 0.01"),
        (rates((">= below", ">= 80")), "and for no others"),
        (rates(("lr / 10 if", "0.01 if")), "and for no others"),
        (
            rates(
                (
                    "sum(i >= milestone for milestone in milestones)",
                    "(i >= milestones[0]) + (i >= milestones[1])",
                )
            ),
            "and for no others",
        ),
        (rates(("return used", "return used[0]")), "Return a list"),
        (rates(("    return used\n", "")), "is there a `return`"),
        (rates(("len(errors)", "len(error)")), "raised NameError"),
    ],
    "caffe": [
        (
            caffe((STEP, "v.mul_(self.momentum).add_(slope)\n            w.sub_(lr * v)")),
            "That is PyTorch's rule",
        ),
        (caffe((SLOPE, "slope = w.grad")), "do not decay"),
        (caffe((STEP, f"{RENEW}w.sub_(v + lr * self.weight_decay * w)")), "decay twice"),
        (
            caffe(
                (SLOPE, "slope = w.grad"),
                (STEP, f"{RENEW}w.sub_(v + lr * self.weight_decay * w)"),
            ),
            "added beside the velocity",
        ),
        (
            caffe(
                (SLOPE, "slope = w.grad"),
                (STEP, f"{RENEW}w.sub_(v + self.weight_decay * w)"),
            ),
            "both the velocity and the rate",
        ),
        (
            caffe(("add_(lr * slope)", "add_(lr * w.grad + self.weight_decay * w)")),
            "the gradient alone",
        ),
        (
            caffe((STEP, f"{RENEW}w.sub_(self.momentum * v + lr * slope)")),
            "Nesterov's momentum",
        ),
        (caffe(("add_(lr * slope)", "add_((1 - self.momentum) * lr * slope)")), "dampening"),
        (
            caffe(
                (
                    STEP,
                    "w.sub_(v)\n            v.mul_(self.momentum).add_(lr * slope)",
                )
            ),
            "First renew it",
        ),
        (caffe(("w.sub_(v)", "w.sub_(lr * v)")), "in it twice"),
        (caffe(("v.mul_(self.momentum)", "v.zero_()")), "Nothing is remembered"),
        (caffe(("w.sub_(v)", "w.add_(v)")), "uphill"),
        (caffe(("w.grad + self", "w.grad - self")), "pushes outwards"),
        (caffe((STEP, "w.sub_(lr * slope.sign())")), "are elsewhere"),
        (
            caffe((STEP, f"{STEP}\n            w.grad.zero_()")),
            "you changed the gradients",
        ),
        (
            caffe(
                ("            if w.grad is None:\n                continue\n", ""),
            ),
            "skip its None",
        ),
        (
            caffe(
                (
                    "if w.grad is None:\n                continue",
                    "if w.grad is None:\n                w.mul_(1 - lr)\n                continue",
                ),
            ),
            "Leave it where it is",
        ),
        (caffe((NO_GRAD, "")), "no part of the graph"),
        (caffe(("w.sub_(v)", "w = w - v")), "No weight has moved"),
        (caffe(("list(parameters)", "list(parametres)")), "raised NameError"),
    ],
    "resume": [
        (left_out("generator"), "the generator is not where it was"),
        (left_out("order"), "the rest of the epoch's order"),
        (left_out("iteration"), "how far it was"),
        (left_out("warming_up"), "still warming up"),
        (left_out("wrong"), "since the last look"),
        (
            state(('    run.optimiser.load_state_dict(state["optimiser"])\n', "")),
            "the velocities are not",
        ),
        (
            state(('    run.network.load_state_dict(state["network"])\n', "")),
            "the weights are not those",
        ),
        (
            state(
                ("dict(run.network.state_dict())", "dict(run.network.named_parameters())"),
                ('(state["network"])', '(state["network"], strict=False)'),
            ),
            "They are buffers",
        ),
        (state(("copy.deepcopy(\n", "dict(\n")), "has gone on with the run"),
        (state(("    state = copy.deepcopy(state)\n", "")), "a second restore"),
        (
            state(
                ("def snapshot(run):\n", "def snapshot(run):\n    run.batches.next()\n"),
            ),
            "went on differently",
        ),
        (
            state(
                ('"wrong": run.wrong,', '"wrong": run.wrong,\n            "all": run,'),
            ),
            "does not survive",
        ),
        (
            state(
                ('run.wrong = state["wrong"]', 'run.wrong = state["wrong"]\n    return run'),
            ),
            "in place",
        ),
        (
            state(
                (
                    'run.wrong = state["wrong"]',
                    'run.wrong = state["wrong"]\n    run.mean = (0.0, 0.0, 0.0)',
                ),
            ),
            "losses differ later",
        ),
        (
            "def snapshot(run):\n    run.network.state_dict()\n\n\n"
            "def restore(run, state):\n    pass",
            "is there a `return`",
        ),
        (state(('state["order"]', 'state["oder"]')), "raised KeyError"),
    ],
}
