"""What does each public function say to an argument that it cannot use?

Each valid call of ``fuzzing`` is spoiled, one argument at a time, by Hypothesis: wrong types and
shapes, empty and ragged arrays, NaN and infinities, numbers out of range. The function must raise a
ValueError or TypeError of its own that names the argument, or, where the value can be used after
all, return something without NaN. ``COURSE_FUZZ=1000`` tries as many ways of each function; without
it a few serve, always the same ones.
"""

from __future__ import annotations

import inspect
import os

import pytest

pytest.importorskip("hypothesis", reason="the fuzzing needs hypothesis: see the extra `test`")
from fuzzing import examples  # noqa: F401  (fills the registry)
from fuzzing.mutations import mutations, several
from fuzzing.registry import EXAMPLES, LEFT_OUT, covers, public_callables
from fuzzing.values import perceptron, small_network
from fuzzing.verdict import complaint_about_error, complaint_about_result, holds_nan
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from course_lib._checks import may_be_none

TRIES = int(os.environ.get("COURSE_FUZZ", "9"))
PUBLIC = public_callables()


@pytest.fixture(autouse=True)
def shared_networks_stay_as_they_are():
    """Refuse an example that freezes a weight of a network that other examples use, too."""
    before = [len(network().trainable_variables) for network in (perceptron, small_network)]
    yield
    after = [len(network().trainable_variables) for network in (perceptron, small_network)]
    assert after == before, "the example must make a network of its own"


def attempt(name, data):
    """Spoil one argument of a call; return what was done and what is wrong with the answer."""
    known = EXAMPLES[name]
    arguments = known.arguments()
    argument = data.draw(st.sampled_from(sorted(set(arguments) - set(known.spare))))
    parameter = known.parameters.get(argument)
    optional = may_be_none(parameter)
    mutation = data.draw(
        several(arguments[argument])
        if parameter.kind is parameter.VAR_POSITIONAL
        else mutations(arguments[argument], optional)
    )
    done = f"{name}: {argument} is {mutation.label} ({mutation.value!r:.150})"
    try:
        result = known.call({**arguments, argument: mutation.value})
    except Exception as error:
        names = [argument, *known.other_names.get(argument, ())]
        if mutation.kind == "odd":  # where two arguments do not fit, either may be named
            names += list(arguments)
        return done, complaint_about_error(error, names)
    if argument in known.missing and mutation.kind != "wrong":
        return done, None
    if mutation.kind in ("wrong", "nan") and mutation.label not in known.fine.get(argument, ()):
        return done, "took it without a word"
    return done, None if known.makes_nan else complaint_about_result(result)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_spoiled_argument_is_refused_by_its_name(name):
    known = EXAMPLES[name]
    assert holds_nan(known.call(known.arguments())) == bool(known.makes_nan), "no valid call"

    @settings(
        max_examples=-(-TRIES // 3) if known.slow else TRIES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def fuzz(data):
        done, complaint = attempt(name, data)
        assert complaint is None, f"{done}: {complaint}"

    fuzz()


def test_every_public_function_has_an_example_or_a_reason():
    missing = [
        name
        for name, thing in PUBLIC.items()
        if name not in EXAMPLES and covers(name, thing) is None
    ]
    assert not missing, f"no example and no reason: {', '.join(missing)}"


def test_no_example_or_reason_is_out_of_date():
    made = {name for name in EXAMPLES if name.endswith(".__call__")}
    unknown = sorted((set(EXAMPLES) | set(LEFT_OUT)) - set(PUBLIC) - made)
    assert not unknown, f"not public any more: {', '.join(unknown)}"
    assert not sorted(set(EXAMPLES) & set(LEFT_OUT))
    for name, known in EXAMPLES.items():
        wrong = set(known.arguments()) - set(inspect.signature(known.function).parameters)
        assert not wrong, f"{name} has no argument {wrong}"
