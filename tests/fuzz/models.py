"""ONNX and ``.tflite`` files: fields changed, left out, doubled; bytes that are wrong; cut."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.fuzz import grammar
from tests.fuzz.trying import HOSTILE, call, chance, outcome, refuses

TINY = Path(__file__).parents[1] / "tiny.toml"
FILES, LARGEST = 16, 200_000  # bytes
COMMANDS: tuple[list[str], ...] = (
    ["table", "--columns", "all"],
    ["table", "--strict"],
    ["table", "--resolution", "64"],
    ["layers", "--columns", "all"],
    ["layers", "--memory"],
    ["layers", "--by", "kind"],
    ["compare", "--layers"],
    ["explain"],
)
INPUTS = ("1x3x32x32", "2x3x64x64", "1x3x0x0", "1x32x32x3", "1x3x99999x99999", "image=1x3x32x32")
INTEGERS = (0, 1, -1, 2, 3, 7, 255, 65_536, 2**31 - 1, -(2**31), 2**62, -(2**63))
FLOATS = (0.0, -1.0, 1e38, float("nan"), float("inf"), 0.5)
TEXTS = (*HOSTILE, "Conv", "Gemm", "If", "Loop", "Resize", "Reshape", "LSTM", "output", "input")
CHANGES = 4  # at most, in one file


def onnx(random: Random) -> str:
    """Count an ONNX file that nobody should have written."""
    content = random.choice(_made(".onnx"))
    if not chance(random, 4):
        content = _changed_message(random, content)
    return _read(random, "net.onnx", content)


def tflite(random: Random) -> str:
    """Count a ``.tflite`` file that nobody should have written."""
    content = random.choice(_made(".tflite"))
    if not chance(random, 4):
        content = _changed_objects(random, content)
    return _read(random, "net.tflite", content)


def _read(random: Random, name: str, content: bytes) -> str:
    if chance(random, 3):
        content = _flipped(random, content)
    Path(name).write_bytes(content)
    words = [*random.choice(COMMANDS), "--arch", name]
    if chance(random, 6):
        words = ["diff-models", "v2", name]
    elif chance(random, 40):
        words = ["bench", "--arch", name, "--runtime", "fake", "--max-time", "1s"]
    elif chance(random, 6):
        words += ["--input", random.choice(INPUTS)]
    result = call(words)
    if result.status == 2 and words[0] != "bench":
        refuses(result)
    assert Path(name).read_bytes() == content
    return outcome(result)


@functools.cache
def _made(suffix: str) -> list[bytes]:
    """Return small files of many operators: of rows in odd company, and foreign ones."""
    made = [*_exported(TINY.read_text(), suffix), *([_foreign()] * 8 if suffix == ".onnx" else [])]
    for number in range(FILES):
        made += _exported(grammar.file(Random(f"models {number}")), suffix)
    return [content for content in made if len(content) < LARGEST]


def _foreign() -> bytes:
    """Return a model of operators that our grammar has no row for."""
    import onnx
    from onnx import TensorProto, helper

    from tests.readers.small import floats, model, node

    out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    then = helper.make_graph([node("MatMul", "a w", "z")], "then", [], out)
    otherwise = helper.make_graph([node("Identity", "a", "z")], "else", [], out)
    shape = onnx.numpy_helper.from_array(np.array([0, -1], "int64"), "shape")
    made = model(
        [
            node("MatMul", "x w", "a"),
            node("If", "c", "y", then_branch=then, else_branch=otherwise, name="choice"),
            node("Sneeze", "y", "s", domain="nobody.knows"),
            node("Reshape", "x shape", "r"),
            node("LSTM", "i W R", "l", hidden_size=3),
            node("ConvTranspose", "im k", "up", strides=[2, 2], group=1),
            node("Softmax", "r", "soft", axis=1),
            node("Resize", "im _ scales", "large", mode="nearest"),
            node("Einsum", "r a", "e", equation="bi,bj->ij"),
        ],
        {"x": (1, 4), "c": (), "i": (5, 1, 4), "im": (1, 3, 6, 6)},
        ["s", "l", "up", "soft", "large", "e"],
        [floats("w", 4, 4), floats("W", 1, 12, 4), floats("R", 1, 12, 3), floats("k", 3, 2, 3, 3),
         floats("scales", 4), shape],
        types={"c": TensorProto.BOOL},
    )  # fmt: skip
    content: bytes = made.SerializeToString()
    return content


def _exported(file: str, suffix: str) -> Iterator[bytes]:
    Path("odd.toml").write_text(file)
    result = call(["export", "--arch", "odd.toml", "-o", f"made{suffix}"])
    if result.status == 0:
        yield Path(f"made{suffix}").read_bytes()


def _flipped(random: Random, content: bytes) -> bytes:
    """Return bytes of which some are others, or the end is missing."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        if data:
            data[random.randrange(min(len(data), 5_000))] = random.randrange(256)
    return bytes(data[: random.randrange(len(data))] if chance(random, 6) else data)


def _changed_message(random: Random, content: bytes) -> bytes:
    """Return an ONNX file with some of its fields changed."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    for _ in range(random.randint(1, CHANGES)):
        _change_message(random, model)
    changed: bytes = model.SerializeToString()
    return changed


def _change_message(random: Random, message: Any) -> None:
    """Change a field that is somewhere in a message."""
    while True:
        set_fields = message.ListFields()
        if not set_fields:
            return
        field, value = random.choice(set_fields)
        if not field.is_repeated:
            if field.message_type is None:
                if chance(random, 5):
                    message.ClearField(field.name)
                elif field.enum_type is not None:
                    setattr(message, field.name, random.choice(field.enum_type.values).number)
                else:
                    setattr(message, field.name, _scalar(random, value))
                return
            message = value
        elif field.message_type is None or chance(random, 6):
            _change_list(random, value, is_scalar=field.message_type is None)
            return
        else:
            message = random.choice(value)


def _change_list(random: Random, values: Any, *, is_scalar: bool) -> None:
    """Change a repeated field: an item is left out, doubled, moved or another."""
    place = random.randrange(len(values))
    match random.randrange(4 if is_scalar else 2):
        case 0:
            del values[place]
        case 1:
            values.append(values[place])
        case _:
            values[place] = _scalar(random, values[place])


def _scalar(random: Random, value: Any) -> Any:
    """Return another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            small = random.choice(INTEGERS)
            return small if abs(small) < 2**31 or abs(value) > 100 else small % 2**31
        case float():
            return random.choice(FLOATS)
        case bytes():
            return random.choice((value[1:], value * 2, b"", random.randbytes(len(value))))
        case _:
            text: str = random.choice((*TEXTS, value + "x", value[:-1]))
            return text.encode("utf-8", "replace").decode()


def _changed_objects(random: Random, content: bytes) -> bytes:
    """Return a ``.tflite`` file with some of its fields changed, if it can still be written."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for _ in range(random.randint(1, CHANGES)):
        _change_object(random, model)
    builder = flatbuffers.Builder(len(content))
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:
        return content
    return bytes(builder.Output())


def _change_object(random: Random, made: Any) -> None:
    """Change a field that is somewhere in an object of the schema."""
    while True:
        names = [name for name, value in vars(made).items() if value is not None]
        if not names:
            return
        name = random.choice(names)
        value = getattr(made, name)
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, list) and value:
            place = random.randrange(len(value))
            if hasattr(value[place], "__dict__") and not chance(random, 6):
                made = value[place]
                continue
            setattr(made, name, _other_list(random, value, place))
        elif hasattr(value, "__dict__"):
            made = value
            continue
        elif isinstance(value, int | float | bytes | str):
            setattr(made, name, None if chance(random, 8) else _scalar(random, value))
        return


def _other_list(random: Random, values: list[Any], place: int) -> list[Any]:
    match random.randrange(4):
        case 0:
            return values[:place] + values[place + 1 :]
        case 1:
            return [*values, values[place]]
        case 2 if not hasattr(values[place], "__dict__"):
            return [*values[:place], _scalar(random, values[place]), *values[place + 1 :]]
        case _:
            return values[::-1]
