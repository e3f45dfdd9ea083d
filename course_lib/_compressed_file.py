"""How small is a model when everything that is needed to use it again is counted?

Serves the chapter ``compute/compression``. ``save_compressed`` writes one file: the architecture,
each tensor in the cheapest of several ways (``_tensor_coding``), and a checksum.
``load_compressed`` gives back a model with the same weights. Reading runs no code from the file:
the architecture is JSON, and only layers of Keras's own that are plain mathematics are built from
it.

The layout: ``DLHP``, a version, the length of the architecture, the architecture (JSON, deflated),
the tensors in the order of ``model.weights``, and the CRC-32 of all that (4 bytes).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import ops

from course_lib._checks import check_whole, location, model, takes
from course_lib._packing import append_number, read_number
from course_lib._tensor_coding import StoredTensor, decode_tensor, encode_tensor

__all__ = ["CompressedSize", "StoredTensor", "load_compressed", "save_compressed"]

_MAGIC = b"DLHP\x01"  # the last byte is the version
_JSON_LIMIT = 2**24  # bytes of JSON, unpacked: few bytes can unpack to very many

# Safe mode keeps out lambdas and nothing else; so the file may name classes from these modules,
# and no functions at all.
_MODULES = {
    "keras",
    "keras.constraints",
    "keras.dtype_policies",
    "keras.initializers",
    "keras.layers",
    "keras.models",
    "keras.quantizers",
    "keras.regularizers",
    "keras.src.models.functional",
    "keras.src.models.sequential",
}
# These run code, or read files, or keep something that is not among their weights.
_REFUSED = {
    "FlaxLayer",
    "HashedCrossing",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
}


@dataclass(frozen=True)
class CompressedSize:
    """What a compressed file consists of.

    Attributes:
        tensors: one entry for each of ``model.weights``.
        architecture: bytes of the architecture.
        frame: bytes of format, lengths and checksum around everything.
        uncompressed: bytes of the weights alone as they are in memory, without any architecture.
    """

    tensors: tuple[StoredTensor, ...]
    architecture: int
    frame: int
    uncompressed: int

    @property
    def total(self) -> int:
        """The size of the file in bytes."""
        return self.architecture + self.frame + sum(tensor.size for tensor in self.tensors)

    @property
    def ratio(self) -> float:
        """How many times smaller the file is than the bare weights."""
        return self.uncompressed / self.total


@takes(model=model(), path=location())
def save_compressed(
    model: keras.Model, path: str | Path, index_bits: int | None = None
) -> CompressedSize:
    """Write a model into one small file.

    The weights come back exactly, save that a negative zero becomes a zero: masks make many of
    them, and nothing computes otherwise with them. How the model was compiled, and the state of
    its optimizer and of its random generators, are not kept.

    Args:
        model: a built functional or sequential model of layers of Keras's own.
        path: the file to write; one that is there is replaced.
        index_bits: width of the gaps of all sparse tensors, 1 to 16, as Han and others (2016) set
            them; None takes the cheapest for each tensor.

    Returns:
        What the file consists of; ``total`` is its size.

    Raises:
        ValueError: the model is not built, or has other layers, or ``index_bits`` is out of range.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(f"model must be a built Keras model, but it is {model!r}.")
    if index_bits is not None:
        check_whole("index_bits", index_bits, 1, 16)
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    _check_architecture(config, "model")
    text = json.dumps(config, separators=(",", ":"), ensure_ascii=True)
    architecture = zlib.compress(text.encode("ascii"), 9)
    data = bytearray(_MAGIC)
    append_number(data, len(architecture))
    frame = len(data) + 4
    data += architecture
    stored, uncompressed = [], 0
    for variable in model.weights:
        array = ops.convert_to_numpy(variable)
        piece, entry = encode_tensor(array, variable.path, index_bits)
        data += piece
        stored.append(entry)
        uncompressed += array.nbytes
    data += zlib.crc32(data).to_bytes(4, "little")
    Path(path).write_bytes(data)
    return CompressedSize(tuple(stored), len(architecture), frame, uncompressed)


@takes(path=location())
def load_compressed(path: str | Path) -> keras.Model:
    """Read a model that :func:`save_compressed` wrote.

    Args:
        path: the file.

    Returns:
        An uncompiled model with the same architecture, names and weights.

    Raises:
        ValueError: the file is of another kind, damaged, or incomplete.
        FileNotFoundError: there is no such file.
    """
    data = Path(path).read_bytes()
    if data[: len(_MAGIC)] != _MAGIC:
        raise ValueError(f"{path} must start with {_MAGIC!r}, as save_compressed writes it.")
    if zlib.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        raise ValueError(f"{path} is damaged or incomplete: its checksum differs. Copy it again.")
    try:
        return _model_from(data[:-4])
    except Exception as error:  # with a valid checksum, what is wrong was made wrong
        raise ValueError(f"{path} holds no model that can be read: {error}") from error


def _model_from(data: bytes) -> keras.Model:
    length, place = read_number(data, len(_MAGIC))
    unpack = zlib.decompressobj()
    text = unpack.decompress(data[place : place + length], _JSON_LIMIT)
    if not unpack.eof:
        raise ValueError("its architecture is incomplete or too long")
    config = json.loads(text)
    _check_architecture(config, "the file")
    model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError("its architecture is not that of a built model")
    place += length
    for variable in model.weights:
        now = ops.convert_to_numpy(variable)
        array, place = decode_tensor(data, place, now.shape, now.dtype)
        variable.assign(array)
    if place != len(data):
        raise ValueError(f"{len(data) - place} bytes follow its last tensor")
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):  # Normalization computes with copies of its weights
            layer.finalize_state()
    return model


def _check_architecture(config: Any, owner: str) -> None:
    """Raise unless each object the configuration names is a harmless one of Keras's own."""
    for item in _objects(config):
        name, module = item["class_name"], item.get("module")
        if name == "__keras_tensor__":
            continue
        known = _class(module, name)
        if known is None or name in _REFUSED or item.get("registered_name") not in (None, name):
            raise ValueError(
                f"{owner} names {module}.{name}, but a compressed file may hold only layers of "
                "Keras's own whose state is in their weights: no functions, no Lambda, no layers "
                "of one's own, no text lookups. Put them before or behind the model."
            )


def _class(module: Any, name: Any) -> type | None:
    """Return the class of Keras that a configuration names, or None where it may not name it."""
    if module not in _MODULES or not isinstance(name, str):
        return None
    if module.startswith("keras.src"):
        module = "keras"
        name = {"Functional": "Model"}.get(name, name)
    place = keras
    for part in module.split(".")[1:]:
        place = getattr(place, part)
    found = getattr(place, name, None)
    return found if isinstance(found, type) else None


def _objects(config: Any) -> Iterator[dict]:
    """Yield every dictionary that names a class or a module, or holds code, from the outside in."""
    if isinstance(config, dict):
        code = isinstance(config.get("value"), list | tuple)  # so Keras writes a bare lambda
        if code or "class_name" in config or "module" in config:
            yield {"class_name": None, **config}
        config = list(config.values())
    if isinstance(config, list | tuple):
        for item in config:
            yield from _objects(item)
