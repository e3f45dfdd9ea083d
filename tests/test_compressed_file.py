"""The compressed file: what goes in comes out, all bytes are counted, and nothing else gets in."""

import json
import os
import zlib

import keras
import numpy as np
import pytest
from keras import layers, ops

from course_lib import _compressed_file as compressed
from course_lib import _packing as packing
from course_lib import _tensor_coding as tensors
from course_lib import training


def rng(seed=0):
    return np.random.default_rng(seed)


def numbers(shape, seed=0):
    return rng(seed).normal(size=shape).astype("float32")


def patterns(array):
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def mlp(seed=0, dtype=None):
    training.set_seed(seed)
    stack = [keras.Input((20,)), layers.Dense(30, "relu", dtype=dtype, name="first")]
    return keras.Sequential([*stack, layers.Dense(4, dtype=dtype, name="last")], name="small")


def branched(seed=0):
    training.set_seed(seed)
    x = keras.Input((8, 8, 2))
    y = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", bias_constraint="max_norm")(x)
    y = layers.BatchNormalization()(layers.Activation("relu")(y))
    z = layers.SeparableConv2D(4, 3, padding="same")(x)
    y = layers.Dropout(0.3)(layers.Add()([y, z]))
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(y)))


def recurrent(seed=0):
    training.set_seed(seed)
    x = keras.Input((6,), dtype="int32")
    y = layers.Bidirectional(layers.GRU(3))(layers.Embedding(11, 4)(x))
    return keras.Model(x, layers.Dense(2)(y))


def changed(model, change, seed=1):
    """Return the model with each weight replaced."""
    random = rng(seed)
    model.set_weights([change(random, w) for w in model.get_weights()])
    return model


def pruned(random, w):
    return w * (random.random(w.shape) < 0.1)


def shared(random, w):
    return random.choice(np.float32([-0.31234567, -0.1, 0.2, 0.7]), w.shape)


def on_a_grid(random, w):
    return (np.float32(0.0123) * random.integers(-7, 8, w.shape)).astype("float32")


CHANGES = {
    "as trained": lambda random, w: w,
    "pruned": pruned,
    "shared": shared,
    "pruned and shared": lambda random, w: pruned(random, shared(random, w)),
    "on a grid": on_a_grid,
    "all zero": lambda random, w: 0 * w,
    "moved": lambda random, w: w + np.float32(0.1) * random.random(w.shape).astype("float32"),
}
INPUTS = {mlp: (5, 20), branched: (5, 8, 8, 2), recurrent: (5, 6)}


# Models come back


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("build", [mlp, branched, recurrent])
def test_a_model_comes_back_with_the_same_weights_and_the_file_is_as_long_as_said(
    build, change, tmp_path
):
    model = changed(build(), CHANGES[change])
    before = model.get_weights()
    size = compressed.save_compressed(model, tmp_path / "model.bin")
    loaded = compressed.load_compressed(tmp_path / "model.bin")
    assert (tmp_path / "model.bin").stat().st_size == size.total
    assert size.uncompressed == sum(w.nbytes for w in before)
    assert size.ratio == pytest.approx(size.uncompressed / size.total)
    for old, new, now in zip(before, loaded.get_weights(), model.get_weights(), strict=True):
        assert old.dtype == new.dtype
        assert np.array_equal(patterns(old + 0.0), patterns(new))
        assert np.array_equal(patterns(old), patterns(now))
    ends = [[variable.path.split("/")[-2:] for variable in m.weights] for m in (model, loaded)]
    assert ends[0] == ends[1]
    x = rng(2).integers(0, 11, INPUTS[build])
    x = x if build is recurrent else x.astype("float32")
    same = [ops.convert_to_numpy(m(x, training=False)) for m in (model, loaded)]
    assert np.array_equal(*same, equal_nan=True)
    assert getattr(loaded, "optimizer", None) is None


def test_what_was_compiled_and_trained_stays_out(tmp_path):
    model = mlp()
    first = compressed.save_compressed(model, tmp_path / "a")
    model.compile(keras.optimizers.Adam(0.0), "mse")
    model.fit(numbers((8, 20)), numbers((8, 4)), verbose=0)
    assert compressed.save_compressed(model, tmp_path / "b").total == first.total
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_weights_of_other_types_come_back(dtype, tmp_path):
    model = changed(mlp(dtype=dtype), lambda random, w: w * (random.random(w.shape) < 0.3))
    if dtype == "float64" and str(ops.convert_to_numpy(model.weights[0]).dtype) != dtype:
        pytest.skip("this backend keeps no float64")
    compressed.save_compressed(model, tmp_path / "m")
    for old, new in zip(
        model.get_weights(), compressed.load_compressed(tmp_path / "m").get_weights(), strict=True
    ):
        assert old.dtype == new.dtype
        assert np.array_equal(old, new)


def test_keras_own_int8_model_comes_back_and_takes_a_quarter(tmp_path):
    training.set_seed(3)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(128, "relu"), layers.Dense(10)])
    for layer in model.layers:
        layer.quantize("int8")
    x = numbers((4, 64))
    size = compressed.save_compressed(model, tmp_path / "m")
    loaded = compressed.load_compressed(tmp_path / "m")
    assert np.array_equal(*(ops.convert_to_numpy(m(x)) for m in (model, loaded)))
    assert size.total < 4 * 0.3 * (64 * 128 + 128 * 10)


def test_negative_zeros_cost_nothing_and_come_back_as_zeros(tmp_path):
    model = mlp()
    mask = rng(1).random((20, 30)) < 0.1
    weights = model.get_weights()
    weights[0] = np.where(mask, weights[0], np.float32(-0.0))
    model.set_weights(weights)
    size = compressed.save_compressed(model, tmp_path / "m")
    assert size.tensors[0].kept == mask.sum()
    kernel = compressed.load_compressed(tmp_path / "m").get_weights()[0]
    assert np.array_equal(kernel, weights[0])
    assert not np.signbit(kernel[~mask]).any()


def test_layers_that_keep_copies_of_their_weights_compute_the_same(tmp_path):
    x = 3 + 2 * numbers((50, 4))
    adapted = layers.Normalization()
    adapted.adapt(x)
    inner = keras.Sequential([keras.Input((4,)), adapted, layers.Dense(3, "tanh")])
    model = keras.Sequential(
        [keras.Input((4,)), inner, layers.SpectralNormalization(layers.Dense(2))]
    )
    ops.convert_to_numpy(model(x, training=True))
    compressed.save_compressed(model, tmp_path / "m")
    loaded = compressed.load_compressed(tmp_path / "m")
    assert np.array_equal(*(ops.convert_to_numpy(m(x, training=False)) for m in (model, loaded)))


# Tensors


CASES = {
    "raw": lambda r: numbers((50, 20)),
    "shared": lambda r: shared(r, np.zeros((50, 20))),
    "scaled": lambda r: (np.float32(0.01) * r.integers(-100, 101, (50, 20))).astype("float32"),
    "sparse, raw": lambda r: pruned(r, numbers((50, 20))),
    "sparse, shared": lambda r: pruned(r, shared(r, np.zeros((90, 90), "f4"))),
    "sparse, scaled": lambda r: pruned(
        r, (np.float32(0.01) * r.integers(-60, 61, (90, 90))).astype("float32")
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("encoding", CASES)
def test_the_cheapest_way_is_taken_and_counted(encoding, seed):
    array = CASES[encoding](rng(seed)).astype("float32")
    data, stored = tensors.encode_tensor(array, "w")
    assert stored.encoding == encoding
    assert stored.size == len(data)
    assert (stored.weights, stored.kept) == (array.size, np.count_nonzero(array))
    back, end = tensors.decode_tensor(b"xyz" + data + b"!", 3, array.shape, array.dtype)
    assert end == 3 + len(data)
    assert np.array_equal(back, array)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("shape", [(40, 7), (3, 3, 5, 16), (300,)])
def test_a_scale_for_each_channel_is_found_to_the_last_bit(bits, shape):
    scales = (0.1 * rng(bits).random(shape[-1] if len(shape) > 1 else 1) + 1e-3).astype("float32")
    most = 2 ** (bits - 1) - 1
    codes = rng(5).integers(-most, most + 1, shape)
    codes.reshape(-1, scales.size)[0] = most
    array = (scales * codes.reshape(-1, scales.size)).astype("float32").reshape(shape)
    data, stored = tensors.encode_tensor(array)
    back, _ = tensors.decode_tensor(data, 0, shape, array.dtype)
    assert np.array_equal(patterns(back), patterns(array + 0.0))
    if bits == 8 and len(shape) > 1:
        assert stored.encoding == "scaled"
        assert stored.codebook == 4 * scales.size


def test_the_rarest_numbers_come_back_bit_by_bit():
    odd = np.array([np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3e38, 1 + 2**-23], "float32")
    quiet = np.array([0x7FC00001, 0xFFC12345], "uint32").view("float32")
    for array in (np.concatenate([odd, quiet]), np.tile(np.concatenate([odd, quiet]), 40)):
        data, _ = tensors.encode_tensor(array)
        back, _ = tensors.decode_tensor(data, 0, array.shape, array.dtype)
        assert np.array_equal(patterns(back), patterns(array))


@pytest.mark.parametrize("shape", [(), (0,), (0, 5), (1,), (1, 1)])
def test_the_smallest_tensors_come_back(shape):
    for array in (np.zeros(shape, "float32"), np.ones(shape, "float32")):
        data, stored = tensors.encode_tensor(array)
        back, end = tensors.decode_tensor(data, 0, shape, array.dtype)
        assert np.array_equal(back, array)
        assert end == len(data) == stored.size


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("density", [0.02, 0.08])
def test_a_sparse_shared_tensor_is_near_the_entropy_of_its_mask_and_values(density, seed):
    random, size = rng(seed), 200_000
    book, shares = np.float32([-2, -1, 1, 2]), [0.1, 0.4, 0.3, 0.2]
    mask = random.random(size) < density
    array = mask * random.choice(book, size, p=shares)
    data, stored = tensors.encode_tensor(array)
    bits = -density * np.log2(density) - (1 - density) * np.log2(1 - density)
    bits += density * -np.dot(shares, np.log2(shares))
    assert stored.encoding.startswith("sparse")
    # Below only by the luck of the draw; above by whole bits for each symbol, and the tables.
    assert 0.97 < 8 * len(data) / (size * bits) < 1.06
    assert stored.entries <= 1.02 * stored.kept


@pytest.mark.parametrize("seed", range(3))
def test_the_width_that_is_found_is_no_worse_than_any_given_one(seed):
    array = pruned(rng(seed), shared(rng(seed), np.zeros(20_000, "float32")))
    best = len(tensors.encode_tensor(array)[0])
    sizes = [len(tensors.encode_tensor(array, index_bits=bits)[0]) for bits in range(1, 17)]
    assert best == min(sizes[1:12])
    assert best <= min(sizes)
    assert tensors.encode_tensor(array, index_bits=5)[1].index_bits == 5


# Files that are damaged, or made up


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "model"
    compressed.save_compressed(changed(mlp(), CHANGES["pruned and shared"]), path)
    return path.read_bytes()


def attempt(data, tmp_path):
    path = tmp_path / "attempt"
    path.write_bytes(data)
    return compressed.load_compressed(path)


def test_a_file_that_ends_early_is_refused_at_every_length(small_file, tmp_path):
    for length in range(len(small_file)):
        with pytest.raises(ValueError, match="attempt (must start|is damaged)"):
            attempt(small_file[:length], tmp_path)


def test_a_file_with_any_bit_changed_is_refused(small_file, tmp_path):
    for place in range(len(small_file)):
        wrong = bytearray(small_file)
        wrong[place] ^= 1 << place % 8
        with pytest.raises(ValueError, match="attempt (must start|is damaged)"):
            attempt(wrong, tmp_path)


def test_bytes_behind_the_end_are_refused(small_file, tmp_path):
    with pytest.raises(ValueError, match="damaged"):
        attempt(small_file + b"\0", tmp_path)
    with pytest.raises(ValueError, match="follow its last tensor"):
        attempt(sealed(small_file[:-4] + b"\0"), tmp_path)


def test_another_kind_of_file_is_refused_and_a_missing_one_reported(tmp_path):
    for data in (b"", b"PK\x03\x04 a zip archive", b"DLHP\x02" + bytes(30)):
        with pytest.raises(ValueError, match="must start with"):
            attempt(data, tmp_path)
    with pytest.raises(FileNotFoundError):
        compressed.load_compressed(tmp_path / "nothing")


def sealed(body):
    return bytes(body) + zlib.crc32(bytes(body)).to_bytes(4, "little")


def forged(data, change):
    """Return a file whose architecture was changed, with a checksum that fits."""
    length, place = packing.read_number(data, 5)
    config = json.loads(zlib.decompress(data[place : place + length]))
    text = change(config)
    packed = zlib.compress(text if isinstance(text, bytes) else json.dumps(config).encode())
    body = bytearray(data[:5])
    packing.append_number(body, len(packed))
    return sealed(body + packed + data[place + length : -4])


def test_damage_behind_a_fitting_checksum_gives_a_model_or_a_kind_error(small_file, tmp_path):
    length, place = packing.read_number(small_file, 5)
    for first in range(place + length, len(small_file) - 4, 7):
        wrong = bytearray(small_file[:-4])
        wrong[first] ^= 1 << first % 8
        try:
            model = attempt(sealed(wrong), tmp_path)
        except ValueError:
            continue  # any other error would end the test
        assert model.count_params() == 754


def test_an_architecture_of_other_shapes_is_refused(small_file, tmp_path):
    assert attempt(forged(small_file, lambda config: None), tmp_path).name == "small"

    def wider(config):
        config["config"]["layers"][1]["config"]["units"] = 3

    with pytest.raises(ValueError, match="holds no model"):
        attempt(forged(small_file, wider), tmp_path)


class Spy(keras.layers.Layer):
    """A layer of one's own that would be built if it were let in."""

    built_by_a_file = False

    @classmethod
    def from_config(cls, config):
        Spy.built_by_a_file = True
        return cls()


LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wAAAAA=", None, None]}}
INTRUDERS = {
    "a function": {"module": "os", "class_name": "function", "config": "system"},
    "a function of Keras": {
        "module": "keras.utils",
        "class_name": "function",
        "config": "get_file",
    },
    "a class elsewhere": {"module": "subprocess", "class_name": "Popen", "config": {"args": "ls"}},
    "a Lambda": {"module": "keras.layers", "class_name": "Lambda", "config": {"function": LAMBDA}},
    "a lambda": LAMBDA,
    "a bare lambda": LAMBDA["config"],
    "a class without module": {"class_name": "Spy", "config": {}},
    "a module without class": {"module": "os", "config": "system"},
    "a layer of one's own": {
        "module": __name__,
        "class_name": "Spy",
        "config": {},
        "registered_name": "course_test>Spy",
    },
    "a mask of names": {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {},
        "registered_name": "course_test>Spy",
    },
    "a text lookup": {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": {"vocabulary": "/etc/hostname"},
    },
    "a file of TensorFlow": {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": "/tmp"},
    },
    "a private class": {"module": "keras.src.utils.file_utils", "class_name": "File", "config": {}},
    "a list as a name": {"module": "keras.layers", "class_name": ["Dense"], "config": {}},
}


@pytest.mark.parametrize("where", ["layer", "activation", "initializer"])
@pytest.mark.parametrize("intruder", INTRUDERS)
def test_what_could_run_code_is_refused_before_it_is_built(intruder, where, small_file, tmp_path):
    def plant(config):
        layer = config["config"]["layers"][1]
        if where == "layer":
            config["config"]["layers"][1] = {**INTRUDERS[intruder], "name": "first"}
        elif where == "activation":
            layer["config"]["activation"] = INTRUDERS[intruder]
        else:
            layer["config"]["kernel_initializer"] = INTRUDERS[intruder]

    with (
        keras.saving.custom_object_scope({"Spy": Spy, "course_test>Spy": Spy}),
        pytest.raises(ValueError, match="only layers of Keras's own"),
    ):
        attempt(forged(small_file, plant), tmp_path)
    assert not Spy.built_by_a_file


def test_few_bytes_that_unpack_to_very_many_are_refused(small_file, tmp_path):
    bomb = forged(small_file, lambda config: b" " * 2**25)
    assert len(bomb) < 40_000
    with pytest.raises(ValueError, match="too long"):
        attempt(bomb, tmp_path)


@pytest.mark.parametrize("text", [b"[]", b"{", b"null", b'{"class_name": 3}', b"\xff"])
def test_an_architecture_that_is_none_is_refused(text, small_file, tmp_path):
    with pytest.raises(ValueError, match="holds no model"):
        attempt(forged(small_file, lambda config: text), tmp_path)


# What cannot be saved


@pytest.mark.parametrize("index_bits", [0, 17, 4.0])
def test_other_widths_are_refused(index_bits, tmp_path):
    with pytest.raises(ValueError, match="index_bits must be a whole number from 1 to 16"):
        compressed.save_compressed(mlp(), tmp_path / "m", index_bits=index_bits)


def test_models_that_cannot_be_rebuilt_are_refused(tmp_path):
    x = keras.Input((4,))
    for model, message in (
        ("a text", "model must be a (built )?Keras model"),
        (keras.Sequential([layers.Dense(3)]), "model must be a (built )?Keras model"),
        (keras.Sequential([x, Spy()]), "names .*Spy"),
        (keras.Sequential([x, layers.Lambda(lambda h: h + 1)]), "names .*Lambda"),
        (keras.Sequential([x, layers.Dense(2, activation=lambda h: h)]), "names"),
        (keras.Model(x, ops.exp(layers.Dense(2)(x))), "names .*Exp"),
    ):
        with pytest.raises(ValueError, match=message):
            compressed.save_compressed(model, tmp_path / "m")
        assert not os.path.exists(tmp_path / "m")
