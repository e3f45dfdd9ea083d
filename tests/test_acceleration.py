"""Acceleration against XLA's and TensorFlow's own counts, Keras, NumPy and closed forms."""

import itertools
import threading
import time

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import layers, ops

from course_lib import _energy, _timing, acceleration, convolution, gradients

BACKEND = gradients.active_backend()
only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="asks TensorFlow's profiler")
only_jax = pytest.mark.skipif(BACKEND != "jax", reason="asks XLA through JAX for a whole model")


def sequential(*stack, shape):
    return keras.Sequential([keras.Input(shape), *stack])


def forward_operations(model, batch):
    return sum(cost.operations for cost in acceleration.layer_costs(model, batch))


# Counting


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (5, 2, 1), (3, 1, 2)])
@pytest.mark.parametrize("size", [(9, 12), (14, 11)])
def test_convolutions_cost_what_xla_counts(padding, kernel, stride, dilation, size):
    jax = pytest.importorskip("jax")
    layer = layers.Conv2D(
        7, kernel, stride, padding, dilation_rate=dilation, use_bias=False, name="conv"
    )
    model = sequential(layer, shape=(*size, 5))

    def convolve(x, k):
        return jax.lax.conv_general_dilated(
            x,
            k,
            (stride, stride),
            padding.upper(),
            rhs_dilation=(dilation, dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    shapes = [jax.ShapeDtypeStruct(s, "float32") for s in ((4, *size, 5), (kernel, kernel, 5, 7))]
    theirs = jax.jit(convolve).lower(*shapes).cost_analysis()["flops"]
    assert forward_operations(model, 4) == theirs


def test_a_kernel_of_two_sides_is_counted_by_hand():
    model = sequential(layers.Conv2D(2, (1, 3), padding="same"), shape=(2, 4, 1))
    # Each of 2 rows: 4 places, 3 taps, of which the first and the last place miss one.
    assert forward_operations(model, 1) == 2 * 2 * (2 * (3 * 4 - 2)) + 2 * 4 * 2


@only_jax
@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(7, "relu"),
        layers.Dense(3, use_bias=False),
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.MaxPooling2D(3, 2),
        layers.AveragePooling2D(2),
        layers.GlobalAveragePooling2D(),
        layers.ReLU(),
        layers.Flatten(),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_cost_what_xla_counts(layer):
    import jax

    shape = (6,) if isinstance(layer, layers.Dense) else (10, 12, 3)
    model = sequential(type(layer).from_config(layer.get_config()), shape=shape)
    weights = [variable.value for variable in model.variables]
    call = jax.jit(lambda weights, x: model.stateless_call(weights, [], x)[0])
    theirs = call.lower(weights, np.zeros((5, *shape), "float32")).cost_analysis()
    assert forward_operations(model, 5) == (theirs.get("flops") or 0)


@only_jax
@pytest.mark.parametrize("batch", [32])
def test_the_gradients_of_the_travelling_model_cost_what_xla_counts(batch):
    import jax

    model = convolution.small_cnn()
    weights = [variable.value for variable in model.variables]
    labels = np.zeros(batch, int)

    def loss(weights, x):
        logits = model.stateless_call(weights, [], x)[0]
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)

    step = jax.jit(jax.value_and_grad(loss))
    theirs = step.lower(weights, np.zeros((batch, 28, 28, 1), "float32")).cost_analysis()["flops"]
    ours = sum(c.operations for c in acceleration.layer_costs(model, batch, training=True))
    # They agree on all products. We count an element of the rest twice, XLA in its own way.
    assert abs(ours - theirs) < 0.02 * theirs


@only_tensorflow
def test_a_model_costs_what_tensorflows_profiler_counts():
    import tensorflow as tf

    stack = [layers.Conv2D(7, 3), layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(3)]
    model = sequential(*stack, shape=(10, 10, 5))
    graph = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec((4, 10, 10, 5)))
    profiler = tf.compat.v1.profiler
    builder = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    found = profiler.profile(graph.graph, options=builder.with_empty_output().build())
    assert forward_operations(model, 4) == found.total_float_ops


def test_products_agree_with_the_count_of_the_convolution_chapter_without_padding():
    stack = [layers.Conv2D(6, 3, use_bias=False), layers.Flatten(), layers.Dense(4, use_bias=False)]
    model = sequential(*stack, shape=(9, 9, 2))
    costs = {cost.name: cost.operations for cost in acceleration.layer_costs(model)}
    for name, products in convolution.multiply_adds(model).items():
        assert costs[name] == 2 * products


def test_backward_costs_two_products_but_the_first_layer_has_one():
    dense = {"use_bias": False}
    model = sequential(layers.Dense(5, **dense), layers.Dense(4, **dense), shape=(3,))
    first, second = acceleration.layer_costs(model, 7, training=True)
    assert first.operations == 2 * (2 * 7 * 3 * 5)
    assert second.operations == 3 * (2 * 7 * 5 * 4)
    assert first.moved == 4 * (7 * (2 * 5 + 3) + 15 + 7 * 3 + 2 * 15 - 7 * 5 + 7 * 5)


@pytest.mark.parametrize(("batch", "width"), [(1, 4), (6, 2)])
def test_bytes_are_those_of_the_arrays(batch, width):
    model = sequential(layers.Dense(5), layers.Flatten(), shape=(3,))
    dense, flatten = acceleration.layer_costs(model, batch, number_bytes=width)
    assert dense.moved == width * (batch * (3 + 5) + 3 * 5 + 5)
    assert dense.intensity == dense.operations / dense.moved
    assert (flatten.moved, flatten.operations, flatten.intensity) == (0, 0, 0.0)


def test_branches_and_normalizations_are_counted():
    image = keras.Input((4, 4, 3))
    x = layers.Conv2D(3, 1, use_bias=False, name="conv")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Add(name="add")([x, image])
    x = layers.Dropout(0.5, name="drop")(layers.Activation("tanh", name="tanh")(x))
    model = keras.Model(image, x)
    costs = {cost.name: cost for cost in acceleration.layer_costs(model, 2)}
    numbers = 2 * 4 * 4 * 3
    assert costs["conv"].operations == 2 * numbers * 3
    assert costs["norm"].operations == 2 * numbers
    assert costs["add"].operations == costs["tanh"].operations == numbers
    assert costs["drop"].operations == 0
    assert costs["add"].moved == 4 * 3 * numbers


def test_a_step_adds_the_optimizer():
    model = sequential(layers.Dense(5), shape=(3,))
    step = acceleration.step_cost(model, 8)
    (layer,) = acceleration.layer_costs(model, 8, training=True)
    assert step.parameters == model.count_params() == 20
    assert step.operations == layer.operations + 12 * 20
    assert step.moved == layer.moved + 7 * 4 * 20
    half = acceleration.step_cost(model, 8, number_bytes=2)
    assert half.moved == layer.moved // 2 + 7 * 4 * 20


def test_costs_refuse_what_they_do_not_know():
    model = sequential(layers.LSTM(3), shape=(4, 2))
    with pytest.raises(ValueError, match="LSTM"):
        acceleration.layer_costs(model)
    with pytest.raises(ValueError, match="batch_size"):
        acceleration.layer_costs(model, 0)
    with pytest.raises(ValueError, match="number_bytes"):
        acceleration.step_cost(model, 1, number_bytes=0)
    grouped = sequential(layers.Conv2D(4, 3, groups=2), shape=(8, 8, 4))
    with pytest.raises(ValueError, match="Conv2D"):
        acceleration.layer_costs(grouped)


# The roofline


def test_the_roof_has_a_slope_a_ridge_and_a_top():
    roof = acceleration.Roof(operations_per_second=100e9, bytes_per_second=20e9)
    assert roof.ridge == 5
    np.testing.assert_allclose(
        roof.attainable([0, 0.5, 5, 50]), [0, 10e9, 100e9, 100e9], rtol=1e-12
    )
    assert roof.seconds(200e9, 1e9) == 2.0
    assert roof.seconds(1e9, 40e9) == 2.0


def test_the_machine_is_measured_in_a_plausible_range():
    roof = acceleration.measure_roof(size=256, mebibytes=32, rounds=2)
    # From a small board computer to an accelerator.
    assert 1e8 < roof.operations_per_second < 1e16
    assert 1e8 < roof.bytes_per_second < 1e14


@pytest.mark.parametrize(("dtype", "number_format"), [("bfloat16", "bfloat16")])
def test_a_product_errs_by_the_rounding_of_its_format(dtype, number_format):
    # Products are added up in float32, so what is lost is one rounding at the end: an error
    # spread evenly over one spacing has a deviation of spacing / sqrt(12), times the place
    # between two powers of two.
    error = acceleration.product_error(dtype, 128)
    spacing = acceleration.FORMATS[number_format].spacing
    assert spacing / np.sqrt(12) / 2 < error < spacing / np.sqrt(12)
    assert acceleration.product_error("float32", 128) < 1e-2 * error


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: acceleration.product_rate(1), "size"),
        (lambda: acceleration.product_error("float32", 1), "size"),
        (lambda: acceleration.stream_rate(0), "mebibytes"),
        (lambda: acceleration.stream_rate(1, rounds=0), "rounds"),
        (lambda: acceleration.measure_roof(2, rounds=0), "rounds"),
    ],
)
def test_measurements_refuse_wrong_numbers(call, name):
    with pytest.raises(ValueError, match=name):
        call()


# Timing, on a clock that the tests turn


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by one that moves when told."""

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

        def spend(self, seconds):
            self.now += seconds
            return ops.zeros(())

    turned = Clock()
    monkeypatch.setattr(_timing, "time", turned)
    return turned


def test_seconds_are_the_mean_of_the_calls(clock):
    spent = iter([1.0, 2.0, 6.0])
    assert acceleration.seconds(lambda: clock.spend(next(spent)), repeats=3) == 3.0


def test_a_race_takes_turns_and_leaves_the_first_call_out(clock):
    order, costs = [], {"a": iter([50.0, 1.0, 2.0]), "b": iter([60.0, 3.0, 4.0])}

    def contender(name):
        def call():
            order.append(name)
            return {"result": clock.spend(next(costs[name]))}

        return call

    found = acceleration.race({name: contender(name) for name in "ab"}, rounds=2)
    assert order == list("ababab")
    np.testing.assert_allclose(found["a"], [1, 2])
    np.testing.assert_allclose(found["b"], [3, 4])


def test_the_step_timer_averages_blocks_after_the_warm_up(clock):
    timer = acceleration.StepTimer(warm_up=2, block=3)
    for cost in [100, 50, 1, 2, 3, 4, 5, 6, 7]:
        clock.spend(cost)
        timer.on_train_batch_end(0, {"loss": ops.ones(())})
    assert timer.seconds == [2.0, 5.0]


@pytest.mark.parametrize(("blocks", "block", "warm_up", "batch"), [(2, 3, 1, 4), (3, 1, 2, 7)])
def test_step_seconds_makes_the_steps_it_says(blocks, block, warm_up, batch):
    model = acceleration.compile_for(sequential(layers.Dense(3), shape=(2,)), "graph")
    x, y = np.ones((5, 2), "float32"), np.zeros(5, int)
    found = acceleration.step_seconds(
        model, x, y, batch_size=batch, blocks=blocks, block=block, warm_up=warm_up
    )
    assert found.shape == (blocks,)
    assert (found > 0).all()
    assert int(model.optimizer.iterations) == warm_up + blocks * block


def test_timing_refuses_wrong_input():
    model = acceleration.compile_for(sequential(layers.Dense(3), shape=(2,)), "graph")
    x, y = np.ones((5, 2)), np.zeros(5, int)
    for name, arguments in (
        ("batch_size", {"batch_size": 0}),
        ("blocks", {"batch_size": 1, "blocks": 0}),
        ("warm_up", {"batch_size": 1, "warm_up": 0}),
        ("block", {"batch_size": 1, "block": 0}),
    ):
        with pytest.raises(ValueError, match=name):
            acceleration.step_seconds(model, x, y, **arguments)
    with pytest.raises(ValueError, match="5 and 4"):
        acceleration.step_seconds(model, x, y[:4], batch_size=1)
    with pytest.raises(ValueError, match="contenders"):
        acceleration.race({})
    with pytest.raises(ValueError, match="repeats"):
        acceleration.seconds(lambda: ops.zeros(()), repeats=0)


@pytest.mark.parametrize(("fixed", "each"), [(0.01, 1e-4), (0.0, 2e-5), (0.3, 0.0)])
def test_the_cost_of_a_batch_is_found_again(fixed, each):
    sizes = np.array([1, 8, 64, 512])
    cost = acceleration.fit_batch_cost(sizes, fixed + each * sizes)
    assert cost.fixed == pytest.approx(fixed, abs=1e-9)
    assert cost.each == pytest.approx(each, abs=1e-9)
    if each:
        assert cost.half_batch == pytest.approx(fixed / each, abs=1e-4)
    else:
        assert cost.half_batch == np.inf


def test_the_cost_of_a_batch_is_the_best_in_relative_terms():
    random = np.random.default_rng(0)
    sizes = np.array([1, 4, 16, 64, 256])
    times = (0.01 + 1e-4 * sizes) * random.uniform(0.8, 1.2, 5)
    best = acceleration.fit_batch_cost(sizes, times)

    def misfit(fixed, each):
        return np.sum(((fixed + each * sizes) / times - 1) ** 2)

    for a, b in itertools.product((0.99, 1.01), repeat=2):
        assert misfit(*best) <= misfit(best.fixed * a, best.each * b)
    falling = acceleration.fit_batch_cost([1, 2, 4], [3.0, 2.0, 1.0])
    assert falling.each == 0  # never below


@pytest.mark.parametrize(
    ("sizes", "times"), [([1], [1.0]), ([1, 1], [1.0, 2.0]), ([1, 2], [1.0]), ([1, 2], [0.0, 1.0])]
)
def test_the_cost_of_a_batch_needs_two_sizes(sizes, times):
    with pytest.raises(ValueError, match="batch_sizes"):
        acceleration.fit_batch_cost(sizes, times)


# Eager, graph, XLA


def test_all_modes_compute_the_same_steps():
    found = {}
    random = np.random.default_rng(0)
    x = random.normal(size=(32, 8, 8, 1)).astype("float32")
    y = random.integers(0, 3, 32)
    for mode in acceleration.MODES:
        keras.utils.set_random_seed(1)
        stack = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
        model = acceleration.compile_for(sequential(*stack, shape=(8, 8, 1)), mode)
        start = np.concatenate([w.ravel() for w in model.get_weights()])
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
        found[mode] = np.concatenate([w.ravel() for w in model.get_weights()])
    for mode in ("graph", "xla"):
        np.testing.assert_allclose(found[mode], found["eager"], atol=1e-4)
    assert np.abs(found["eager"] - start).max() > 1e-3  # two steps of Adam


def test_a_mode_has_a_name():
    with pytest.raises(ValueError, match="mode must be one of"):
        acceleration.compile_for(sequential(layers.Dense(3), shape=(2,)), "fast")


# Number formats

THEIRS = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


@pytest.mark.parametrize("name", THEIRS)
def test_formats_have_the_limits_that_numpy_knows(name):
    ours, theirs = acceleration.FORMATS[name], ml_dtypes.finfo(THEIRS[name])
    assert ours.largest == float(theirs.max)
    assert ours.smallest_normal == float(theirs.smallest_normal)
    assert ours.smallest == float(theirs.smallest_subnormal)
    assert ours.spacing == float(theirs.eps)


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("seed", range(3))
def test_rounding_is_that_of_a_cast(name, seed):
    random = np.random.default_rng(seed)
    ours = acceleration.FORMATS[name]
    reach = np.log2(ours.smallest) - 2, np.log2(ours.largest) + 1
    values = random.choice([-1, 1], 4000) * 2.0 ** random.uniform(*reach, 4000)
    with np.errstate(over="ignore"):
        values = values.astype("float32")  # what is cast comes from float32
    edges = [0.0, -0.0, 1.0, ours.smallest, ours.smallest / 2, 1.5 * ours.smallest, np.inf]
    values = np.append(values, np.array(edges, "float32"))
    with np.errstate(over="ignore"):
        theirs = values.astype(THEIRS[name]).astype("float64")
    np.testing.assert_array_equal(acceleration.round_to(values, ours), theirs)


def test_rounding_goes_to_the_even_neighbor_and_keeps_the_shape():
    two_bits = acceleration.NumberFormat(4, 2)  # ..., 1, 1.25, 1.5, 1.75, 2, ...
    values = np.array([[1.125, 1.375], [1.625, -1.125]])
    np.testing.assert_array_equal(
        acceleration.round_to(values, two_bits), [[1.0, 1.5], [1.5, -1.0]]
    )


def test_lost_shares_are_counted_by_hand():
    half = acceleration.FORMATS["float16"]
    values = np.array([0.0, 1e-9, 1e-3, 1.0, 1e5])
    assert acceleration.lost_share(values, half) == (0.25, 0.25)
    assert acceleration.lost_share(values, half, scale=2.0**15) == (0.0, 0.25)
    assert acceleration.lost_share(values, half, scale=2.0**17) == (0.0, 0.5)


def test_formats_refuse_wrong_input():
    half = acceleration.FORMATS["float16"]
    with pytest.raises(ValueError, match="scale"):
        acceleration.lost_share([1.0], half, scale=0)
    with pytest.raises(ValueError, match="other than zero"):
        acceleration.lost_share([0.0], half)
    with pytest.raises(ValueError, match="exponent_bits"):
        acceleration.round_to([1.0], acceleration.NumberFormat(15, 10))
    with pytest.raises(ValueError, match="growth_steps"):
        acceleration.next_loss_scale(acceleration.LossScale(), True, growth_steps=0)


@pytest.mark.parametrize("seed", range(2))
def test_the_loss_scale_follows_keras(seed):
    theirs = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.0), initial_scale=1024.0, dynamic_growth_steps=3
    )
    weight = keras.Variable(np.zeros(2, "float32"))
    theirs.build([weight])
    state = [variable.value for variable in theirs.variables]
    ours = acceleration.LossScale(1024.0)
    for finite in np.random.default_rng(seed).random(16) < 0.8:
        gradient = np.array([1.0, 1.0 if finite else np.inf], "float32")
        if BACKEND == "jax":  # there, its condition is for compiled code alone
            _, state = theirs.stateless_apply(state, [gradient], [weight.value])
            for variable, value in zip(theirs.variables, state, strict=True):
                variable.assign(value)
        else:
            theirs.apply([ops.convert_to_tensor(gradient)], [weight])
        ours = acceleration.next_loss_scale(ours, bool(finite), growth_steps=3)
        assert float(ops.convert_to_numpy(theirs.dynamic_scale)) == ours.scale


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_precision_keeps_weights_and_outputs_and_the_global_policy(policy):
    before = keras.config.dtype_policy().name
    model = acceleration.with_precision(lambda: convolution.small_cnn((8, 8, 1), 3), policy)
    assert keras.config.dtype_policy().name == before
    assert {v.dtype for v in model.weights} == {"float32"}
    assert model.layers[1].compute_dtype == policy.removeprefix("mixed_")
    out = model(np.ones((2, 8, 8, 1), "float32"))
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    acceleration.compile_for(model, "graph")
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    with pytest.raises(ValueError, match="mixed_"):
        acceleration.with_precision(lambda: None, "mixed_float12")
    assert keras.config.dtype_policy().name == before


# Feeding


def test_prefetch_gives_the_same_batches_in_order():
    for depth, count in ((1, 0), (1, 5), (3, 20)):
        assert list(acceleration.prefetch(iter(range(count)), depth)) == list(range(count))


def test_prefetch_reads_ahead_but_no_farther_than_it_may():
    read, ready = [], threading.Event()

    def batches():
        for number in range(10):
            read.append(number)
            if number == 3:
                ready.set()
            yield number

    feed = acceleration.prefetch(batches(), depth=2)
    assert next(feed) == 0
    assert ready.wait(5)  # 1 and 2 on the shelf, 3 in the reader's hand
    time.sleep(0.05)
    assert read == [0, 1, 2, 3]
    feed.close()


def test_prefetch_ends_its_thread_when_closed_and_passes_errors_on():
    def failing():
        yield 1
        raise KeyError("the disk is gone")

    feed = acceleration.prefetch(failing())
    assert next(feed) == 1
    with pytest.raises(KeyError, match="disk"):
        next(feed)
    before = set(threading.enumerate())
    endless = acceleration.prefetch(itertools.count(), depth=2)
    assert next(endless) == 0
    (reader,) = set(threading.enumerate()) - before
    endless.close()
    reader.join(timeout=5)
    assert not reader.is_alive()
    with pytest.raises(ValueError, match="depth"):
        acceleration.prefetch([1], depth=0)


def test_the_feed_is_watched(monkeypatch):
    from course_lib import _feeding

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock, seen = Clock(), []
    monkeypatch.setattr(_feeding, "time", clock)

    def batches():
        for number in range(3):
            clock.now += 4.0
            yield number
        clock.now += 1.0

    def work(batch):
        seen.append(batch)
        clock.now += 2.0

    report = acceleration.watch_feed(batches(), work)
    assert seen == [0, 1, 2]
    assert report == (13.0, 6.0)
    assert report.seconds == 19.0
    assert report.starved == pytest.approx(13 / 19)
    assert acceleration.watch_feed([], work).starved == 0.0


# Energy


def test_energy_is_processor_time_times_power_where_nothing_can_be_read(monkeypatch):
    class Clock:
        wall = busy = 0.0

        def perf_counter(self):
            return self.wall

        def process_time(self):
            return self.busy

    clock = Clock()
    monkeypatch.setattr(_energy, "time", clock)
    monkeypatch.setattr(_energy, "_read_counters", lambda: None)
    monkeypatch.setattr(_energy.gradients, "visible_gpus", list)
    with acceleration.EnergyMeter(watts_per_core=8, overhead=1.5) as meter:
        clock.wall, clock.busy = 90.0, 150.0
    report = meter.report
    assert report.joules == pytest.approx(8 * 150 * 1.5)
    assert report.watt_hours == pytest.approx(0.5)
    assert report.watts == pytest.approx(20)
    assert (report.seconds, report.processor_seconds, report.measured) == (90, 150, 0)
    assert "8 W a core (assumed)" in report.assumptions
    assert "1.5" in report.assumptions


def test_energy_counters_are_read_and_may_run_over(tmp_path, monkeypatch):
    def write(used):
        for package, microjoules in enumerate(used):
            folder = tmp_path / f"intel-rapl:{package}"
            folder.mkdir(exist_ok=True)
            (folder / "energy_uj").write_text(f"{microjoules}\n")
            (folder / "max_energy_range_uj").write_text("10000000\n")

    read = _energy._read_counters
    monkeypatch.setattr(_energy, "_read_counters", lambda: read(tmp_path))
    monkeypatch.setattr(_energy.gradients, "visible_gpus", list)
    write([1_000_000, 9_000_000])
    with acceleration.EnergyMeter() as meter:
        write([3_000_000, 1_000_000])  # the second ran over: 9 to 10, then 0 to 1
    assert meter.report.joules == pytest.approx(4.0)
    assert meter.report.measured == 1.0
    assert "RAPL" in meter.report.assumptions
    assert read(tmp_path / "none") is None


def test_the_power_of_a_card_is_added(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 300.5\necho '[N/A]'\necho 299.5\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setattr(_energy, "_CARD", [str(tool)])
    monkeypatch.setattr(_energy, "_read_counters", lambda: None)
    monkeypatch.setattr(_energy.gradients, "visible_gpus", lambda: ["gpu:0"])
    with acceleration.EnergyMeter() as meter:
        time.sleep(0.5)
    report = meter.report
    assert report.card_watts == pytest.approx(300)
    assert report.joules == pytest.approx(300 * report.seconds + 10 * report.processor_seconds)
    assert 0.5 < report.measured < 1
    monkeypatch.setattr(_energy, "_CARD", [str(tmp_path / "missing")])
    with acceleration.EnergyMeter() as meter:
        pass
    assert meter.report.card_watts is None


def test_energy_refuses_wrong_assumptions():
    with pytest.raises(ValueError, match="watts_per_core"):
        acceleration.EnergyMeter(watts_per_core=0)
    with pytest.raises(ValueError, match="overhead"):
        acceleration.EnergyMeter(overhead=0.5)


def test_a_point_of_accuracy_has_a_price():
    prices = acceleration.price_of_accuracy([10, 20, 60, 70], [0.1, 0.6, 0.7, 0.65])
    np.testing.assert_allclose(prices, [10 / 50, 40 / 10, np.inf])
    for joules, accuracy, name in (
        ([1], [0.5], "two"),
        ([1, 1], [0.1, 0.2], "rise"),
        ([1, 2], [0.1, 1.2], "between 0 and 1"),
        ([1, 2, 3], [0.1, 0.2], "equally long"),
    ):
        with pytest.raises(ValueError, match=name):
            acceleration.price_of_accuracy(joules, accuracy)


# Many workers: the chapter on distributed training has the tests of the ring itself


@pytest.mark.parametrize("workers", [1, 3])
def test_the_ring_gives_every_worker_the_sum(workers):
    shards = np.random.default_rng(0).normal(size=(workers, 7)).astype("float32")
    for result in acceleration.ring_all_reduce(list(shards)):
        np.testing.assert_allclose(ops.convert_to_numpy(result), shards.sum(axis=0), atol=1e-5)
