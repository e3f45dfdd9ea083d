"""Fitting models: repeatable, quiet, resumable; the learning-rate schedule against its formula."""

import io
import math
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from course_lib import training


def small_model(seed: int = 0, rate=0.1) -> keras.Model:
    training.set_seed(seed)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model


def examples(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 4)).astype("float32")
    return x, x @ np.array([[1.0], [-2.0], [0.5], [3.0]], "float32")


def test_set_seed_repeats_all_generators():
    import random

    def draw():
        training.set_seed(3)
        tensor = keras.ops.convert_to_numpy(keras.random.normal((2,)))
        return random.random(), np.random.random(), *tensor

    assert draw() == draw()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, None, True, "0"])
def test_a_seed_that_is_none(seed):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        training.set_seed(seed)


@pytest.mark.parametrize("shape", [(3,), (2, 4, 4, 1), (0, 5)])
def test_scale_images(shape):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    before = images.copy()
    scaled = training.scale_images(images)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, images / 255.0, rtol=1e-6)
    np.testing.assert_array_equal(images, before)


def test_scale_images_reaches_both_ends():
    assert training.scale_images(np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("images", [np.zeros(3, np.float32), np.zeros(3, np.int64), [1, 2]])
def test_scaling_twice_is_refused(images):
    with pytest.raises(ValueError, match="scaled already"):
        training.scale_images(images)


def test_fit_learns_and_returns_the_history():
    x, y = examples()
    history = training.fit(
        small_model(), x, y, epochs=5, batch_size=16, validation_data=(x, y), progress=False
    )
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert len(history.history["loss"]) == 5
    assert history.history["val_loss"][-1] < history.history["val_loss"][0] / 10


def test_a_seed_makes_a_run_repeat():
    x, y = examples()

    def losses(seed):
        fitted = training.fit(small_model(), x, y, epochs=3, batch_size=16, seed=seed)
        return fitted.history["loss"]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_callbacks_are_called():
    x, y = examples()
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    training.fit(small_model(), x, y, epochs=2, callbacks=[callback])
    assert seen == [0, 1]


class Terminal(io.StringIO):
    """An error stream that remembers each piece written to it."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, text):
        self.pieces.append(text)
        return super().write(text)


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(training, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    return stream


def screen(text: str) -> str:
    """What one terminal line shows after a text with carriage returns."""
    line = ""
    for piece in text.split("\r"):
        line = piece + line[len(piece) :]
    return line


def slow_step(monkeypatch):
    """Let a second pass with every look at the clock."""
    clock = iter(range(10**6))
    monkeypatch.setattr(training.time, "perf_counter", lambda: float(next(clock)))


def test_progress_is_one_line_cleared_at_the_end(terminal, monkeypatch, capsys):
    slow_step(monkeypatch)
    x, y = examples()
    training.fit(small_model(), x, y, epochs=2, batch_size=16)
    text = terminal.getvalue()
    assert "epoch 2/2" in text
    assert "loss" in text
    assert "left" in text
    assert "\n" not in text
    assert screen(text).strip() == ""
    assert capsys.readouterr().out == ""


def test_progress_shrinking_lines_leave_nothing_behind(terminal):
    line = training._ProgressLine()
    for text in ("a long line", "short", "x"):
        line._write(text)
        assert screen(terminal.getvalue()).rstrip() == text


def test_progress_is_written_a_few_times_a_second_at_most(terminal):
    x, y = examples(4000)
    began = time.perf_counter()
    training.fit(small_model(), x, y, epochs=3, batch_size=8)
    seconds = time.perf_counter() - began
    assert len(terminal.pieces) <= 2 * seconds + 2


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_progress_can_be_off(terminal, monkeypatch, how):
    slow_step(monkeypatch)
    if how == "environment":
        monkeypatch.setenv("COURSE_PROGRESS", "0")
    x, y = examples()
    training.fit(small_model(), x, y, epochs=2, progress=how == "environment")
    assert terminal.getvalue() == ""


class Interruption(keras.callbacks.Callback):
    """Stop the run as a closed laptop would, in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    x, y = examples()
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    arguments = {"epochs": 6, "batch_size": 16, "checkpoint": tmp_path / "run"}
    model = small_model()
    with pytest.raises(KeyboardInterrupt):
        training.fit(model, x, y, callbacks=[watch, Interruption(3)], **arguments)
    assert seen == [0, 1, 2, 3]
    seen.clear()
    again = small_model(seed=9)  # a fresh process: other initial weights
    history = training.fit(again, x, y, callbacks=[watch], **arguments)
    assert seen == [3, 4, 5]
    assert history.epoch == [3, 4, 5]
    steps = int(keras.ops.convert_to_numpy(again.optimizer.iterations))
    assert steps == 6 * 4
    assert history.history["loss"][-1] < 0.5


def test_a_finished_run_leaves_no_checkpoint(tmp_path):
    x, y = examples()
    for _ in range(2):
        history = training.fit(small_model(), x, y, epochs=2, checkpoint=tmp_path / "run")
        assert history.epoch == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros((3, 1))}, "x and y must hold equally many examples.*64 and 3"),
        ({"x": np.zeros((0, 4)), "y": np.zeros((0, 1))}, "at least one"),
        ({"x": np.full((64, 4), np.nan)}, "x must be finite"),
        ({"x": np.full((64, 4), np.inf)}, "x must be finite"),
        ({"epochs": 0}, "epochs must be a whole number from 1 on"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1 on"),
        ({"validation_data": (np.zeros((2, 4)), np.zeros(3))}, r"validation_data\[0\] and"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_fit_refuses(change, message):
    x, y = examples()
    arguments = {"x": x, "y": y, "epochs": 1} | change
    with pytest.raises(ValueError, match=message):
        training.fit(small_model(), **arguments)


def one_cycle_formula(step, peak, steps, warmup, start, end):
    done = min(step / steps, 1.0)
    if done < warmup:
        return peak * (start + (1 - start) * done / warmup)
    fallen = (done - warmup) / (1 - warmup)
    return peak * (end + (1 - end) * (1 + math.cos(math.pi * fallen)) / 2)


@pytest.mark.parametrize(
    ("peak", "steps", "warmup", "start", "end"),
    [(0.01, 100, 0.3, 0.04, 1e-4), (2.0, 7, 0.5, 0.0, 0.0), (1e-3, 1000, 0.05, 0.2, 0.1)],
)
def test_one_cycle_follows_its_formula(peak, steps, warmup, start, end):
    schedule = training.one_cycle(peak, steps, warmup=warmup, start=start, end=end)
    for step in [0, 1, steps // 3, steps // 2, steps - 1, steps, 2 * steps]:
        expected = one_cycle_formula(step, peak, steps, warmup, start, end)
        found = float(keras.ops.convert_to_numpy(schedule(step)))
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-7 * peak)


def test_one_cycle_rises_then_falls():
    schedule = training.one_cycle(0.5, 50)
    rates = np.array([float(keras.ops.convert_to_numpy(schedule(step))) for step in range(51)])
    assert rates.argmax() == 15
    assert rates.max() == pytest.approx(0.5)
    assert (np.diff(rates[:16]) > 0).all()
    assert (np.diff(rates[15:]) < 0).all()


def test_one_cycle_drives_an_optimizer():
    model = small_model(rate=training.one_cycle(0.2, 40))
    x, y = examples()
    history = training.fit(model, x, y, epochs=10, batch_size=16)
    assert history.history["loss"][-1] < history.history["loss"][0] / 5
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2e-4, rel=1e-2)


def test_one_cycle_is_saved_with_its_model(tmp_path):
    model = small_model(rate=training.one_cycle(0.2, 40, warmup=0.25))
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.optimizer._learning_rate.get_config() == {
        "peak": 0.2,
        "steps": 40,
        "warmup": 0.25,
        "start": 0.04,
        "end": 1e-4,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peak": 0}, "peak must be"),
        ({"peak": float("nan")}, "peak must be"),
        ({"steps": 1}, "steps must be at least 2"),
        ({"warmup": 0.0}, "warmup must lie"),
        ({"warmup": 1.0}, "warmup must lie"),
        ({"start": -0.1}, "start and end"),
        ({"end": 1.1}, "start and end"),
    ],
)
def test_one_cycle_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        training.one_cycle(**({"peak": 0.1, "steps": 10} | change))


def test_stopwatch(monkeypatch):
    clock = iter([10.0, 12.0, 13.5])
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    with training.Stopwatch() as watch:
        assert watch.seconds == 2.0  # so far
    assert watch.seconds == 3.5
    assert watch.seconds == 3.5  # it has stopped


def test_stopwatch_stops_at_an_error():
    watch = training.Stopwatch()
    with pytest.raises(RuntimeError, match="inside"), watch:
        raise RuntimeError("inside")
    assert watch.seconds == watch.seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12 ms"),
        (1.26, "1.3 s"),
        (119.0, "119.0 s"),
        (125.0, "2 min 5 s"),
        (179.7, "3 min 0 s"),
    ],
)
def test_stopwatch_prints(monkeypatch, seconds, text):
    clock = iter([0.0, seconds])
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    with training.Stopwatch() as watch:
        pass
    assert str(watch) == text


def test_stopwatch_that_never_started():
    with pytest.raises(ValueError, match="not started"):
        str(training.Stopwatch())


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.05, momentum=0.9),
        lambda: keras.optimizers.Adam(training.one_cycle(0.1, 12)),
        lambda: keras.optimizers.AdamW(0.01),
        lambda: keras.optimizers.RMSprop(0.01),
    ],
)
def test_a_restarted_run_equals_a_fresh_one(optimizer):
    x, y = examples()
    weights = small_model(seed=4).get_weights()

    def run(model):
        fitted = training.fit(model, x, y, epochs=3, batch_size=16, seed=1)
        return fitted.history["loss"]

    model = small_model(seed=4)
    model.compile(optimizer(), "mse")
    losses = [run(model)]
    for _ in range(2):
        training.restart(model, weights)
        assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 0
        losses.append(run(model))
    np.testing.assert_allclose(losses[2], losses[1], rtol=1e-6)
    if keras.backend.backend() == "tensorflow":
        # On JAX the first fit of a model draws one shuffle more, while Keras builds it.
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


def test_restart_keeps_the_learning_rate():
    model = small_model(rate=0.25)
    x, y = examples()
    training.fit(model, x, y, epochs=1)
    training.restart(model, model.get_weights())
    assert float(model.optimizer.learning_rate) == 0.25


def test_restart_refuses_what_it_does_not_know():
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="must be compiled"):
        training.restart(model, model.get_weights())
    model.compile(keras.optimizers.Adagrad(), "mse")
    with pytest.raises(ValueError, match="Adagrad"):
        training.restart(model, model.get_weights())
