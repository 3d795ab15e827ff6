"""Faults of the trace."""

from checks import tracing

from . import Fault

TRACES = [
    Fault(
        "multiply-adds counted twice",
        "trace",
        "_multiply_adds(module, output) + sum(parts[name])",
        "_multiply_adds(module, output) + 2 * sum(parts[name])",
        tracing.check_rows_of_resnet20,
    ),
    Fault(
        "multiply-adds of one row of pixels",
        "trace",
        "prod(output.shape[2:])",
        "prod(output.shape[3:])",
        tracing.check_rows_of_resnet20,
    ),
    Fault(
        "a field that forgets the stride",
        "trace",
        "(kernel - 1) * gap * step, step * stride",
        "(kernel - 1) * gap * step, step",
        tracing.check_receptive_field_is_what_one_value_sees,
    ),
    Fault(
        "a field that follows the shortcut",
        "trace",
        "output.field = max(fields)",
        "output.field = min(fields)",
        tracing.check_receptive_field_is_what_one_value_sees,
    ),
    Fault(
        "a field twice as wide",
        "trace",
        "side + (kernel - 1) * gap * step",
        "side + kernel * gap * step",
        tracing.check_receptive_field_is_what_one_value_sees,
    ),
    Fault(
        "a trace that moves the statistics",
        "trace",
        "evaluating(network), ",
        "",
        tracing.check_trace_leaves_the_network_alone,
    ),
    Fault(
        "a trace that leaves its hooks",
        "trace",
        "handle.remove()",
        "pass",
        tracing.check_trace_leaves_the_network_alone,
    ),
]

FAULTS = [*TRACES]
