"""Export and edge runtimes against Keras's own answers and against LiteRT's raw integers."""

import sys

import keras
import numpy as np
import pytest
from keras import layers

from course_lib import _edge, convolution, datasets, gradients, training
from course_lib._aside import streams_aside

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the course exports with TensorFlow's converters alone",
)


def random(shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype("float32")


def dense_network(inputs=6, outputs=3):
    training.set_seed(1)
    stack = [keras.Input((inputs,)), layers.Dense(16, "relu"), layers.Dense(outputs)]
    return keras.Sequential(stack)


def two_inputs():
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], layers.Add()([a, b]))


@pytest.fixture(scope="module")
def traveller():
    """The travelling model, the shipped test images and its answers by Keras."""
    model = convolution.small_cnn()
    model.set_weights(datasets.load_weights("small_cnn_fashion_mnist"))
    images = training.scale_images(datasets.load("fashion_mnist", "small").x_test)
    return model, images, model.predict(images, batch_size=500, verbose=0)


@pytest.fixture(scope="module")
def files(traveller, tmp_path_factory):
    """The travelling model and a dense network in the formats, written once."""
    pytest.importorskip("ai_edge_litert")
    folder = tmp_path_factory.mktemp("edge")
    model, images, _ = traveller
    return {
        "float": _edge.export_litert(model, folder / "float.tflite"),
        "int8": _edge.export_litert(model, folder / "int8.tflite", images[:200]),
        "dense": _edge.export_litert(dense_network(), folder / "dense.tflite"),
    }


# LiteRT


@tensorflow_only
@pytest.mark.parametrize("count", [1, 7, 300])
def test_the_floating_point_file_answers_as_keras_does(files, traveller, count):
    _, images, expected = traveller
    answers = _edge.run_litert(files["float"], images[:count])
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected[:count], atol=2e-4)
    network = dense_network()
    x = random((count, 6), count)
    answers = _edge.run_litert(files["dense"], x)
    np.testing.assert_allclose(answers, network.predict(x, verbose=0), atol=1e-5)


@tensorflow_only
def test_the_integer_file_is_a_third_as_large_and_seldom_answers_otherwise(files, traveller):
    _, images, expected = traveller
    assert files["int8"].stat().st_size < files["float"].stat().st_size / 3
    answers = _edge.run_litert(files["int8"], images)
    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.97
    # Errors of rounding add up, but stay a few percent of the logits' size.
    assert np.abs(answers - expected).mean() < 0.1 * np.abs(expected).mean()
    assert not np.allclose(answers, expected, atol=1e-3)


@tensorflow_only
def test_the_integer_file_holds_integers_from_input_to_output(files):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    opened = interpreter.Interpreter(str(files["int8"]))
    kinds = {np.dtype(one["dtype"]) for one in opened.get_tensor_details()}
    assert kinds <= {np.dtype("int8"), np.dtype("int32")}  # int32: biases and shapes
    assert opened.get_input_details()[0]["dtype"] == np.int8
    assert opened.get_output_details()[0]["dtype"] == np.int8


@tensorflow_only
def test_scale_and_zero_point_are_applied_as_the_paper_says(files, traveller):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    _, images, _ = traveller
    opened = interpreter.Interpreter(str(files["int8"]))
    opened.allocate_tensors()
    given, got = opened.get_input_details()[0], opened.get_output_details()[0]
    parameters = given["quantization_parameters"], got["quantization_parameters"]
    scales = [float(one["scales"][0]) for one in parameters]
    zeros = [int(one["zero_points"][0]) for one in parameters]
    for image in images[:5]:
        whole = [min(max(round(float(p) / scales[0]) + zeros[0], -128), 127) for p in image.flat]
        opened.set_tensor(given["index"], np.array(whole, "int8").reshape(1, 28, 28, 1))
        opened.invoke()
        raw = opened.get_tensor(got["index"])[0]
        by_hand = [scales[1] * (int(q) - zeros[1]) for q in raw]
        np.testing.assert_allclose(_edge.run_litert(files["int8"], image[None])[0], by_hand, 1e-5)


@tensorflow_only
def test_an_input_outside_the_range_is_cut_not_wrapped(files):
    bright = np.ones((1, 28, 28, 1), "float32")
    same = _edge.run_litert(files["int8"], 50 * bright)
    np.testing.assert_array_equal(same, _edge.run_litert(files["int8"], bright))


@tensorflow_only
@pytest.mark.parametrize("name", ["float", "int8"])
def test_threads_do_not_change_the_answers(files, traveller, name):
    _, images, _ = traveller
    one, two = (_edge.run_litert(files[name], images[:50], threads=n) for n in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-4)


@tensorflow_only
def test_latency_is_measured_for_each_number_of_threads(files, traveller):
    _, images, _ = traveller
    found = _edge.litert_latency(files["float"], images[:1], rounds=9)
    assert list(found) == [1, 2]
    for latency in found.values():
        assert 0 < latency.median < 10
        assert 0 <= latency.spread < 10
    assert list(_edge.litert_latency(files["int8"], images[:3], 2, threads=(1,))) == [1]


# ONNX


@tensorflow_only
def test_the_onnx_file_answers_as_keras_does(traveller, tmp_path):
    for package in ("onnxruntime", "tf2onnx"):
        pytest.importorskip(package)
    model, images, expected = traveller
    file = _edge.export_onnx(model, tmp_path / "traveller.onnx")
    for count in (1, 40):
        np.testing.assert_allclose(
            _edge.run_onnx(file, images[:count]), expected[:count], atol=2e-4
        )
    fresh = dense_network()  # never called
    file = _edge.export_onnx(fresh, str(tmp_path / "dense.onnx"))
    x = random((4, 6))
    np.testing.assert_allclose(_edge.run_onnx(file, x), fresh.predict(x, verbose=0), atol=1e-5)
    for wrong in (random((2, 27, 28, 1)), x.astype("int32"), x[:0], x[0]):
        with pytest.raises(ValueError, match="x must hold finite"):
            _edge.run_onnx(file, wrong)


# Quiet, and kind


@tensorflow_only
def test_nothing_is_written_to_the_page_and_the_model_stays(tmp_path, capfd):
    pytest.importorskip("ai_edge_litert")
    model = dense_network()
    before = model.get_weights()
    file = _edge.export_litert(model, tmp_path / "a.tflite", random((20, 6)))
    _edge.run_litert(file, random((2, 6)))
    _edge.litert_latency(file, random((1, 6)), 2)
    sys.stdout.flush()
    assert capfd.readouterr() == ("", "")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_block_that_fails_shows_what_it_wrote(capfd):
    def fail():
        with streams_aside():
            print("the reason")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert "the reason" in capfd.readouterr().err
    with streams_aside():
        print("nothing of interest")
    assert capfd.readouterr() == ("", "")


@tensorflow_only
def test_wrong_input_is_named(files, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.tflite"):
        _edge.export_litert(dense_network(), tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=r"must end in \.onnx"):
        _edge.export_onnx(dense_network(), tmp_path / "a.tflite")
    with pytest.raises(ValueError, match="one input and one output"):
        _edge.export_litert(two_inputs(), tmp_path / "a.tflite")
    with pytest.raises(ValueError, match="representative must hold finite"):
        _edge.export_litert(dense_network(), tmp_path / "a.tflite", random((5, 7)))
    with pytest.raises(ValueError, match=r"x must hold finite.*\(any, 28, 28, 1\)"):
        _edge.run_litert(files["float"], random((5, 28, 28)))
    with pytest.raises(ValueError, match="x must hold finite"):
        _edge.run_litert(files["dense"], np.full((1, 6), np.nan, "float32"))
    with pytest.raises(ValueError, match="Are the images scaled"):
        _edge.run_litert(files["int8"], np.zeros((1, 28, 28, 1), "uint8"))
    with pytest.raises(ValueError, match="threads must be a whole number from 1"):
        _edge.run_litert(files["dense"], random((1, 6)), threads=0)
    with pytest.raises(ValueError, match="rounds must be a whole number from 1"):
        _edge.litert_latency(files["dense"], random((1, 6)), rounds=0)


@pytest.mark.parametrize(
    ("run", "package", "kind"),
    [(_edge.run_litert, "ai_edge_litert", "LiteRT"), (_edge.run_onnx, "onnxruntime", "ONNX")],
)
def test_a_file_that_is_none_is_refused(tmp_path, run, package, kind):
    pytest.importorskip(package)
    with pytest.raises(ValueError, match="there is no .*Export first"):
        run(tmp_path / "missing", random((1, 6)))
    (tmp_path / "damaged").write_bytes(b"no model at all" * 9)
    with pytest.raises(ValueError, match=f"path must be an? {kind} file"):
        run(tmp_path / "damaged", random((1, 6)))


@pytest.mark.parametrize(
    ("run", "module", "package"),
    [
        (_edge.run_litert, "ai_edge_litert.interpreter", "ai-edge-litert"),
        (_edge.run_onnx, "onnxruntime", "onnxruntime"),
    ],
)
def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch, run, module, package):
    (tmp_path / "file").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, module, None)  # what Python does for a package that is absent
    with pytest.raises(ImportError, match=rf"{package} is not installed.*course-lib\[book\]"):
        run(tmp_path / "file", random((1, 6)))


@pytest.mark.parametrize("export", [_edge.export_litert, _edge.export_onnx])
def test_another_backend_is_refused(tmp_path, monkeypatch, export):
    monkeypatch.setattr(gradients, "active_backend", lambda: "jax")
    with pytest.raises(ValueError, match="needs Keras's TensorFlow backend.*'jax'"):
        export(dense_network(), tmp_path / "a.tflite")
