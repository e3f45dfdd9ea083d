"""How does a trained model leave Python for a phone, and what is it like there?

Serves the chapters ``compute/distillation`` and ``compute/compression``. A model is written in one
of two exchange formats, LiteRT (formerly TensorFlow Lite) and ONNX, and run by the small runtimes
that read them, so that size, answers and latency are measured where the model will live. This room
teaches TensorFlow's own tools: export needs that backend. Running a file does not.

Main references: the documentation of LiteRT's post-training quantization and Jacob and others
(2018), "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (CVPR), for its arithmetic.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import keras
import numpy as np

from course_lib import gradients
from course_lib._aside import streams_aside
from course_lib._checks import array, check_whole, location, model, sequence, takes, whole

__all__ = [
    "Latency",
    "export_litert",
    "export_onnx",
    "litert_latency",
    "run_litert",
    "run_onnx",
]


class Latency(NamedTuple):
    """How long one call takes, in seconds.

    ``median`` is the middle of all rounds, and ``spread`` the distance between their quartiles.
    """

    median: float
    spread: float


@takes(model=model(), path=location(), representative=array(finite=False))
def export_litert(
    model: keras.Model, path: str | Path, representative: np.ndarray | None = None
) -> Path:
    """Write a model as a LiteRT file, in floating point or wholly in 8-bit integers.

    With ``representative`` inputs every kernel, every activation, the input and the output become
    integers of 8 bits: the ranges of the activations are those that these inputs cause (Jacob and
    others 2018, section 2). The file then holds a scale and a zero point for its input and its
    output, which :func:`run_litert` applies.

    Args:
        model: a built model with one input and one output, on the TensorFlow backend.
        path: where to write; ends in ``.tflite``. A file that is there is replaced.
        representative: typical inputs, shape ``(examples, ...)`` without labels, prepared as for
            the model; one or two hundred are enough. None writes floating point.

    Returns:
        The path written.

    Raises:
        ValueError: the backend is not TensorFlow, the path has another ending, the model has
            several inputs or outputs, or ``representative`` does not fit its input.
    """
    path = _export_path(path, ".tflite", model)
    settings: dict[str, Any] = {}
    if representative is not None:
        examples = _fitting(representative, model.input_shape, "representative")
        settings = _integers_only(examples)
    with streams_aside():
        model.export(str(path), format="litert", verbose=False, **settings)
    return path


@takes(path=location(), x=array(finite=False), threads=whole(1))
def run_litert(path: str | Path, x: np.ndarray, threads: int = 1) -> np.ndarray:
    """Run a LiteRT file on a batch of inputs.

    Where the file takes integers, inputs become ``round(x / scale) + zero_point``, cut to the range
    of the type, and outputs ``scale * (q - zero_point)`` (Jacob and others 2018, equation 1).

    Args:
        path: a LiteRT file with one input and one output.
        x: floating point inputs, shape ``(batch, ...)``.
        threads: how many threads the interpreter may use.

    Returns:
        Outputs in floating point, shape ``(batch, ...)``.

    Raises:
        ValueError: there is no such file, it is no LiteRT file, or ``x`` does not fit its input.
        ImportError: ``ai-edge-litert`` is not installed.
    """
    interpreter = _interpreter(path, np.asarray(x), threads)
    given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(given["index"], _quantized(np.asarray(x), given))
    interpreter.invoke()
    return _dequantized(interpreter.get_tensor(got["index"]), got)


@takes(path=location(), x=array(finite=False), threads=sequence(whole(1), 1))
def litert_latency(
    path: str | Path, x: np.ndarray, rounds: int = 50, threads: tuple[int, ...] = (1, 2)
) -> dict[int, Latency]:
    """Time calls of a LiteRT file, with one thread and with two.

    Each round times every number of threads once, in turn, after ten calls to warm up. Only the
    interpreter's own work is timed, not the conversion of inputs and outputs.

    Args:
        path: a LiteRT file with one input and one output.
        x: the inputs of one call, shape ``(batch, ...)``; one example is what a phone sees.
        rounds: how many calls to time.
        threads: the numbers of threads to try.

    Returns:
        The latency of one call by number of threads.

    Raises:
        ValueError: as :func:`run_litert`, or ``rounds`` is below 1.
        ImportError: ``ai-edge-litert`` is not installed.
    """
    check_whole("rounds", rounds, 1)
    ready = {}
    for count in threads:
        interpreter = _interpreter(path, np.asarray(x), count)
        given = interpreter.get_input_details()[0]
        interpreter.set_tensor(given["index"], _quantized(np.asarray(x), given))
        for _ in range(10):
            interpreter.invoke()
        ready[count] = interpreter
    seconds: dict[int, list[float]] = {count: [] for count in ready}
    for _ in range(rounds):
        for count, interpreter in ready.items():
            start = time.perf_counter()
            interpreter.invoke()
            seconds[count].append(time.perf_counter() - start)
    quartiles = {count: np.percentile(times, (25, 50, 75)) for count, times in seconds.items()}
    return {n: Latency(float(q[1]), float(q[2] - q[0])) for n, q in quartiles.items()}


@takes(model=model(), path=location())
def export_onnx(model: keras.Model, path: str | Path) -> Path:
    """Write a model as an ONNX file, in floating point.

    Args:
        model: a built model with one input and one output, on the TensorFlow backend.
        path: where to write; ends in ``.onnx``. A file that is there is replaced.

    Returns:
        The path written.

    Raises:
        ValueError: the backend is not TensorFlow, the path has another ending, or the model has
            several inputs or outputs.
        ImportError: ``tf2onnx`` or ``onnx`` is not installed.
    """
    path = _export_path(path, ".onnx", model)
    for package in ("onnx", "tf2onnx"):
        _need(package)
    with streams_aside():
        one = [1 if size is None else size for size in model.input_shape]
        model(np.zeros(one, model.inputs[0].dtype))  # Keras exports only what was called once
        model.export(str(path), format="onnx", verbose=False)
    return path


@takes(path=location(), x=array(finite=False))
def run_onnx(path: str | Path, x: np.ndarray) -> np.ndarray:
    """Run an ONNX file on a batch of inputs, on the processor, with one thread.

    Args:
        path: an ONNX file with one input and one output.
        x: floating point inputs, shape ``(batch, ...)``.

    Returns:
        Outputs, shape ``(batch, ...)``.

    Raises:
        ValueError: there is no such file, it is no ONNX file, or ``x`` does not fit its input.
        ImportError: ``onnxruntime`` is not installed.
    """
    runtime = _need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    content = _existing(path).read_bytes()
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"path must be an ONNX file, but {path} cannot be read: {error}") from None
    given = session.get_inputs()[0]
    expected = tuple(size if isinstance(size, int) else None for size in given.shape)
    return session.run(None, {given.name: _fitting(x, expected, "x")})[0]


def _export_path(path: str | Path, ending: str, model: keras.Model) -> Path:
    if gradients.active_backend() != "tensorflow":
        raise ValueError(
            "Export needs Keras's TensorFlow backend, but the backend is "
            f"{gradients.active_backend()!r}. Set KERAS_BACKEND=tensorflow before you import keras."
        )
    if Path(path).suffix != ending:
        raise ValueError(f"path must end in {ending}, but it is {str(path)!r}.")
    if not getattr(model, "built", False) or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError("model must be built and have one input and one output.")
    return Path(path)


def _integers_only(examples: np.ndarray) -> dict[str, Any]:
    """Return the converter's settings for 8-bit integers from end to end."""
    import tensorflow as tf

    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": lambda: ([examples[i : i + 1]] for i in range(len(examples))),
        "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        "inference_input_type": tf.int8,
        "inference_output_type": tf.int8,
    }


def _interpreter(path: str | Path, x: np.ndarray, threads: int) -> Any:
    """Open a file, give its input the batch's shape and make it ready to be invoked."""
    check_whole("threads", threads, 1)
    content = _existing(path).read_bytes()
    litert = _need("ai_edge_litert.interpreter")
    with streams_aside():
        try:
            interpreter = litert.Interpreter(model_content=content, num_threads=int(threads))
        except ValueError as error:
            raise ValueError(f"path must be a LiteRT file, but {path} is none: {error}") from None
        given = interpreter.get_input_details()[0]
        expected = tuple(None if size < 0 else int(size) for size in given["shape_signature"])
        x = _fitting(x, expected, "x")
        interpreter.resize_tensor_input(given["index"], x.shape)
        interpreter.allocate_tensors()
    return interpreter


def _quantized(x: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    kind = np.dtype(details["dtype"])
    if kind.kind == "f":
        return x.astype(kind)
    scale, zero_point = details["quantization"]
    limits = np.iinfo(kind)
    return np.clip(np.round(x / scale) + zero_point, limits.min, limits.max).astype(kind)


def _dequantized(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if values.dtype.kind == "f":
        return values
    scale, zero_point = details["quantization"]
    return np.float32(scale) * (values.astype("float32") - np.float32(zero_point))


def _fitting(x: Any, expected: tuple[int | None, ...], name: str) -> np.ndarray:
    """Return inputs as float32 after checking them against a shape, where None fits any size."""
    x = np.asarray(x)
    same = x.ndim == len(expected) and all(
        size in (None, found) for size, found in zip(expected, x.shape, strict=True)
    )
    if not same or x.dtype.kind != "f" or len(x) == 0 or not np.isfinite(x).all():
        shown = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(
            f"{name} must hold finite floating point numbers of shape ({shown}) with at least one "
            f"example, but it is {x.dtype} of shape {x.shape}. Are the images scaled?"
        )
    return x.astype("float32")


def _existing(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise ValueError(f"path must be a file that exists, but there is no {path}. Export first.")
    return Path(path)


def _need(module: str) -> ModuleType:
    """Import a package of the extra ``book``, or say how to install it."""
    try:
        with streams_aside():
            return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0].replace("_", "-")
        raise ImportError(
            f"{package} is not installed. Install the course with its extra packages: "
            "pip install 'course-lib[book]'"
        ) from error
