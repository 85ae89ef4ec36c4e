"""What is wrong with a table, found by its types: every problem, with its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from mncost.toml_errors import Problem, as_toml, problems


class Cat(Struct, tag_field="kind", tag="cat", forbid_unknown_fields=True):
    lives: Annotated[int, Meta(ge=1, le=9)]
    mood: Literal["calm", "wild"] = "calm"


class Dog(Struct, tag_field="kind", tag="dog", forbid_unknown_fields=True):
    weight: Annotated[float, Meta(gt=0)] = 1.0


class Home(Struct, forbid_unknown_fields=True):
    pets: Annotated[list[Cat | Dog], Meta(max_length=2)]
    names: dict[str, Annotated[str, Meta(min_length=1, max_length=5)]] = {}
    garden: bool = False
    size: Annotated[str, Meta(description='a text such as "80 m²"')] | None = None

    def __post_init__(self) -> None:
        if self.garden and not self.pets:
            raise ValueError("a `garden` needs `pets`")


WRONG: dict[str, tuple[dict[str, Any], list[Problem]]] = {
    "nothing": ({"pets": [{"kind": "cat", "lives": 9}]}, []),
    "every problem, in the order of the type": (
        {"pets": [{"kind": "cat", "lives": 0, "mod": 1}, {"kind": "dog", "weight": 0}], "size": 3},
        [
            Problem(
                ("pets", 0),
                "unknown key 'mod' (did you mean 'mood'?); accepted: kind, lives, mood",
            ),
            Problem(("pets", 0, "lives"), "0: accepted is a whole number from 1 to 9"),
            Problem(("pets", 1, "weight"), "0: accepted is a number, above 0"),
            Problem(("size",), '3: accepted is a text such as "80 m²"'),
        ],
    ),
    "a missing key": ({}, [Problem((), "the key 'pets' is missing")]),
    "a missing tag": ({"pets": [{}]}, [Problem(("pets", 0), "the key 'kind' is missing")]),
    "an unknown tag": (
        {"pets": [{"kind": "cta"}]},
        [Problem(("pets", 0), "unknown kind 'cta' (did you mean 'cat'?); accepted: cat, dog")],
    ),
    "an unknown word": (
        {"pets": [{"kind": "cat", "lives": 1, "mood": "wld"}]},
        [Problem(("pets", 0), "unknown mood 'wld' (did you mean 'wild'?); accepted: calm, wild")],
    ),
    "too many": (
        {"pets": [{"kind": "dog"}] * 3},
        [Problem(("pets",), "an array: accepted is an array of 0 to 2 items")],
    ),
    "a value in a table of names": (
        {"pets": [], "names": {"a": "Tom", "b": ""}},
        [Problem(("names", "b"), '"": accepted is a text of 1 to 5 characters')],
    ),
    "what keys say together": (
        {"pets": [], "garden": True},
        [Problem((), "a `garden` needs `pets`")],
    ),
    "a number of thousands of digits": (
        {"pets": [], "garden": 16**6000},
        [Problem(("garden",), "a number of 24,001 bits: accepted is true or false")],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_problems(case: str) -> None:
    value, expected = WRONG[case]
    assert list(problems(value, Home)) == expected


def test_a_value_as_it_stands_in_a_file() -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    assert as_toml({"a": [1, True, 'x"y'], "b": {}}) == '{ a = [1, true, "x\\"y"], b = {  } }'
    assert as_toml(deep) == "[[[[[...]]]]]"
    assert len(as_toml("x" * 500)) == 200
