"""The outputs of `check --against`: a table, and JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gradcli.against.sides import Comparison, Comparisons, Side, Unstated, compared
from gradcli.render.check_against import render, render_json
from gradcli.rule.dtypes import Array
from tests.render.printing import printed

ONE = np.array(1.0)


def side(
    value: object, grad: object = None, dtype: str = "float64", grad_fn: str | None = None
) -> Side:
    gradient: Array | None = None if grad is None else np.asarray(grad)
    return Side(np.asarray(value), gradient, dtype, grad_fn)


def tensor(name: str, ours: Side, theirs: Side, *reasons: str) -> Comparison:
    return compared(name, ours, theirs, reasons)


def text_of(*tensors: Comparison, library: str = "torch", width: int = 200, **more: object) -> str:
    found = Comparisons(library, tensors, "gradients of `y` (line 2)", **more)  # type: ignore[arg-type]
    return printed(render([("f.expr", found)]), width)


def row(text: str, name: str) -> list[str]:
    """Return the cells of a tensor's row."""
    line = next(line for line in text.splitlines() if line[2:].startswith(f"{name} "))
    return line.split()


def test_what_is_the_same_takes_a_row_a_tensor() -> None:
    text = text_of(
        tensor("w", side([1.0, 2.0], [3.0, 4.0]), side([1.0, 2.0], [3.0, 4.0])),
        tensor("y", side(5.0, grad_fn="SumBackward0"), side(5.0, grad_fn="SumBackward0")),
    )
    assert text.splitlines()[:2] == ["f.expr: gradcli against PyTorch", "gradients of `y` (line 2)"]
    assert row(text, "w") == ["✓", "w", "0", "0", "float64"]
    assert row(text, "y") == ["✓", "y", "0", "float64", "SumBackward0"]
    assert text.splitlines()[-1] == "2 tensors compared, all the same"


def test_a_column_of_grad_fn_is_left_out_where_a_library_has_none() -> None:
    same = side([1.0], [2.0])
    text = text_of(tensor("w", same, same), library="jax")
    assert "grad_fn" not in text
    assert text.startswith("f.expr: gradcli against JAX\n")


def test_the_place_where_values_are_furthest_apart_is_said() -> None:
    ours, theirs = side([[1.0, 2.0], [3.0, 4.0]]), side([[1.0, 2.5], [3.0, 4.25]])
    text = text_of(tensor("A", ours, theirs))
    assert row(text, "A") == ["✗", "A", "1.2e-01", "float64", "value"]  # 0.5 of 4.25
    assert "A[0, 1]: value 2 in gradcli, 2.5 in PyTorch\n" in text
    assert text.splitlines()[-1] == "1 tensor compared, 1 differs"


def test_a_number_has_no_index() -> None:
    text = text_of(tensor("y", side(1.0), side(2.0)), tensor("z", side(1.0), side(4.0)))
    assert "\ny: value 1 in gradcli, 2 in PyTorch\n" in text
    assert text.splitlines()[-1] == "2 tensors compared, 2 differ"


def test_other_shapes_and_dtypes_are_named_on_both_sides() -> None:
    ours = side([1.0, 2.0], dtype="float32", grad_fn="MulBackward0")
    text = text_of(tensor("x", ours, side([[1.0, 2.0]], dtype="float64")))
    assert "shape, dtype, grad_fn, value" in text
    assert "float32 / float64" in text
    assert "MulBackward0 / none" in text
    assert row(text, "x")[2] == "inf"
    assert "x: value of shape [2] in gradcli, of shape [1, 2] in PyTorch\n" in text


@pytest.mark.parametrize(
    ("ours", "theirs", "cell", "line"),
    [
        (None, [2.0], "none / some", "x: gradient none in gradcli, of shape [1] in PyTorch"),
        ([2.0], None, "some / none", "x: gradient of shape [1] in gradcli, none in PyTorch"),
        ([2.0], [np.nan], "inf", "x[0]: gradient 2 in gradcli, nan in PyTorch"),
        ([2.0], [1.0], "1.0e+00", "x[0]: gradient 2 in gradcli, 1 in PyTorch"),
    ],
)
def test_a_gradient_on_one_side_alone_differs(
    ours: list[float] | None, theirs: list[float] | None, cell: str, line: str
) -> None:
    text = text_of(tensor("x", side([1.0], ours), side([1.0], theirs)))
    assert cell in text
    assert f"\n{line}\n" in text
    assert "gradient\n" in text  # the last column


def test_nan_on_both_sides_is_the_same() -> None:
    same = side([np.nan, np.inf], [np.nan, -np.inf])
    text = text_of(tensor("x", same, same))
    assert row(text, "x")[:4] == ["✓", "x", "0", "0"]


def test_a_reason_is_said_once_for_all_its_tensors() -> None:
    why = "`exp` (line 3) has another derivative in JAX"
    text = text_of(
        tensor("w", side(1.0, 1.0), side(1.0, 2.0), why),
        tensor("v", side(1.0, 1.0), side(1.0, 2.0), why, "and another"),
        library="jax",
    )
    assert text.count(why) == 1
    assert f"\nw, v: {why}\nv: and another\n" in text


def test_what_is_not_stated_is_said_with_its_line() -> None:
    left_out = Unstated("q", "airy_ai", 7, "JAX has no counterpart")
    text = text_of(tensor("x", side(1.0), side(1.0)), library="jax", unstated=(left_out,))
    assert "\nq: not stated in JAX, for `airy_ai` (line 7): JAX has no counterpart\n" in text
    assert text.splitlines()[-1] == "1 tensor compared, all the same, 1 not stated in JAX"


def test_a_file_without_tensors_has_no_table() -> None:
    text = text_of()
    assert "tensor " not in text
    assert text.splitlines()[-1] == "Nothing was compared"


def test_the_files_stand_below_each_other() -> None:
    same = Comparisons("torch", (tensor("x", side(1.0), side(1.0)),), "no gradients")
    text = printed(render([("a.expr", same), ("b.expr", same)]), 80)
    assert text.count("1 tensor compared, all the same\n") == 2
    assert "all the same\n\nb.expr: gradcli against PyTorch\n" in text


def test_a_terminal_without_unicode_gets_other_marks() -> None:
    found = Comparisons("torch", (
        tensor("x", side(1.0), side(1.0)), tensor("y", side(1.0), side(2.0)),
        tensor("µ" * 30, side(1.0), side(1.0)),
    ), "gradients of `y` (line 1)")  # fmt: skip
    text = printed(render([("µ.expr", found)]), 120, encoding="ascii")
    assert text.isascii()
    assert row(text, "x")[0] == "+"
    assert row(text, "y")[0] == "x"


def test_json_has_strings_for_what_json_has_no_numbers_for() -> None:
    found = Comparisons(
        "jax",
        (
            tensor("w", side([1.0], [2.0]), side([1.0, 1.0], [2.0])),
            tensor("y", side(4.0), side(5.0), "why"),
        ),
        "gradients of `y` (line 2)",
        (Unstated("q", "airy_ai", 7, "JAX has no counterpart"),),
    )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    record = json.loads(render_json("jax", [("f.expr", found)]), parse_constant=refuse)
    assert (record["schema"], record["library"]) == ("gradcli.against/1", "jax")
    (file,) = record["files"]
    assert (file["file"], file["gradients"]) == ("f.expr", "gradients of `y` (line 2)")
    w, y = file["tensors"]
    assert (w["name"], w["same"], w["differs"]) == ("w", False, ["shape", "value"])
    assert (w["value_error"], w["grad_error"]) == ("inf", 0.0)
    assert (y["value_error"], y["grad_error"], y["reasons"]) == (0.2, None, ["why"])
    assert y["dtype"] == ["float64", "float64"]
    assert file["unstated"] == [
        {"name": "q", "op": "airy_ai", "line": 7, "why": "JAX has no counterpart"}
    ]


def test_integers_are_to_be_equal_and_half_precision_is_coarse() -> None:
    whole = tensor("i", side([1000], dtype="int64"), side([1001], dtype="int64"))
    half = tensor("h", side([1.0], dtype="float16"), side([1.005], dtype="float16"))
    assert whole.differs == ("value",)
    assert half.differs == ()
    assert tensor("e", side(np.zeros(0)), side(np.zeros(0))).value_error == 0
    assert tensor("z", side([1 + 1j]), side([1 - 1j])).differs == ("value",)
