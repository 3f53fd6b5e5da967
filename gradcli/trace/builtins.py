"""What a file can call besides the table of operations and Python's own: PyTorch's functions."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.dtypes import DTYPES, is_floating, promote, promote_types
from gradcli.rule.dtypes import SYNONYMS as DTYPE_SYNONYMS
from gradcli.rule.meta import broadcast
from gradcli.rule.signature import Signature
from gradcli.tensor_text import PROFILES
from gradcli.trace import (
    array_text,
    custom,
    draws,
    dropout,
    files,
    in_place,
    init,
    prelude,
    random_tensors,
    replay,
    running,
    skipped,
    standard,
    transforms,
)
from gradcli.trace.calls import Args, Keywords, only, row_function
from gradcli.trace.classes import OBJECT, UserClass
from gradcli.trace.conversions import is_nonzero
from gradcli.trace.creation import CREATION, parameter
from gradcli.trace.exceptions import EXCEPTIONS
from gradcli.trace.gradmode import MODES
from gradcli.trace.joined import Joiner
from gradcli.trace.kinds import TORCH
from gradcli.trace.numpy_forms import ABSENT, numpy_function
from gradcli.trace.python import PYTHON
from gradcli.trace.values import Function, Namespace, Size, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

CONSTANTS: dict[str, Any] = {"pi": float(np.pi), "e": float(np.e), "inf": float("inf"),
                             "nan": float("nan")}  # fmt: skip

PYTHONS_OWN: dict[str, Any] = {
    "NotImplemented": NotImplemented, "Ellipsis": ..., "__name__": "__main__", "object": OBJECT,
}  # fmt: skip

# ---- PyTorch's functions that are no operations --------------------------------------------


def _allclose(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    """Say whether |a - b| ≤ atol + rtol·|b| everywhere."""
    a, b, rtol, atol, equal_nan = close_arguments(args, keywords)
    left, right = tracer.tensor(a), tracer.tensor(b)
    broadcast(left.shape, right.shape)
    with np.errstate(all="ignore"):
        return bool(np.allclose(left.value, right.value, rtol, atol, equal_nan))


def close_arguments(args: Args, keywords: Keywords) -> tuple[Any, Any, float, float, bool]:
    """Return both sides of an `allclose` and its tolerances."""
    names = ("input", "other", "rtol", "atol", "equal_nan")
    given = dict(zip(names, args, strict=False))
    given |= {{"a": "input", "b": "other"}.get(word, word): x for word, x in keywords.items()}
    signature = "allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False)"
    if "input" not in given or "other" not in given or set(given) - set(names):
        raise ArgumentFault("allclose() takes two tensors", hint=f"the signature is `{signature}`")
    tolerances = given.get("rtol", 1e-5), given.get("atol", 1e-8)
    for tolerance in tolerances:
        if not isinstance(tolerance, int | float):
            raise ArgumentFault(f"a tolerance is a number, not {described(tolerance)}")
    return (given["input"], given["other"], *map(float, tolerances),
            bool(given.get("equal_nan", False)))  # fmt: skip


def _equal(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    a, b = (tracer.tensor(x).value for x in TWO.bind(args, keywords).values())
    return bool(np.array_equal(a, b))


TWO = Signature("equal(input: any, other: any)")
TYPES = Signature("result_type(tensor1: any, tensor2: any)")


def _result_type(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    return promote(tuple(TYPES.bind(args, keywords).values()), tracer.graph.default_dtype)


def _set_default_dtype(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    dtype = only(args, keywords, "set_default_dtype")
    if getattr(dtype, "kind", "") != "f":
        raise ArgumentFault(
            "only floating-point types are supported as the default type",
            hint="float64, float32 or float16",
        )
    tracer.graph.default_dtype = dtype


def _set_default_tensor_type(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    kind = only(args, keywords, "set_default_tensor_type")
    name = str(getattr(kind, "name", kind)).removeprefix("torch.")
    if name not in TENSOR_TYPES:
        raise ArgumentFault(
            f"{described(kind)} is no floating-point tensor type",
            hint=f"`torch.set_default_dtype(torch.float64)`, or {', '.join(TENSOR_TYPES)}",
        )
    tracer.graph.default_dtype = DTYPES[TENSOR_TYPES[name]]


TENSOR_TYPES = {"FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16"}


def _typed(dtype: str) -> Any:
    """`torch.DoubleTensor([1, 2])`: a tensor of numbers, in the dtype that it is named after."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        data = only(args, keywords, "tensor")
        if isinstance(data, int):
            raise ArgumentFault(
                f"a tensor of {data} numbers that nobody has set is not made here",
                hint=f"empty({data}), or a list of numbers",
            )
        return CREATION["tensor"](tracer, (data,), {"dtype": DTYPES[dtype]})

    return run


def _configure(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    """`jax.config.update(name, value)`: of JAX's settings `jax_enable_x64` means something here."""
    name, value = CONFIGURE.bind(args, keywords).values()
    if name == "jax_enable_x64":
        tracer.graph.default_dtype = DTYPES["float64" if tracer.truth(value) else "float32"]


CONFIGURE = Signature("update(name: str, val: any)")


def _backward(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    first, cotangents, *rest = BACKWARD.bind(args, keywords).values()
    tensors = first if isinstance(first, tuple | list) else (first,)
    given = cotangents if isinstance(cotangents, tuple | list) else (cotangents,) * len(tensors)
    if len(given) != len(tensors):
        raise ArgumentFault(f"got {len(tensors)} tensors and {len(given)} gradients")
    retain_graph, create_graph, inputs = rest
    for i, (x, cotangent) in enumerate(zip(tensors, given, strict=True)):
        kept = retain_graph or i + 1 < len(tensors)  # they may share a part of the graph
        tracer.backward(x, cotangent, kept, create_graph, inputs)


BACKWARD = Signature(
    "backward(tensors: any, grad_tensors: any = None, retain_graph: bool = None, "
    "create_graph: bool = False, inputs: any = None)"
)


PRINT_OPTIONS = Signature(
    "set_printoptions(precision: int = None, threshold: number = None, edgeitems: int = None, "
    "linewidth: int = None, profile: str = None, sci_mode: bool = None)"
)


def _set_printoptions(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    """Change how tensors are printed from here on, as `torch.set_printoptions` does."""
    given = PRINT_OPTIONS.bind(args, keywords)
    profile = given.pop("profile")
    before = PROFILES.get(profile, tracer.print_options)
    changed = {k: v for k, v in given.items() if v is not None}
    if any(not 0 <= v < 1000 for k, v in changed.items() if k in ("precision", "edgeitems")):
        raise ArgumentFault("precision and edgeitems are numbers from 0 to 999")
    tracer.print_options = before._replace(sci_mode=None)._replace(**changed)


def _of_tensor(name: str, function: Any) -> Any:
    """Make a function of one tensor that gives a fact about it."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        x = Signature(f"{name}(input: any)").bind(args, keywords)["input"]
        if not isinstance(x, Node):
            raise ArgumentFault(f"{name}(): argument 'input' must be a Tensor, not {described(x)}")
        return function(tracer, x)

    return run


FACTS: dict[str, Any] = {
    "numel": lambda tracer, x: prod(x.shape),
    "is_floating_point": lambda tracer, x: is_floating(x.dtype),
    "is_complex": lambda tracer, x: x.dtype.kind == "c",
    "is_nonzero": is_nonzero,
}


def _is_tensor(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    return isinstance(only(args, keywords, "is_tensor"), Node)


def _promote_types(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    return promote_types(*DTYPES_OF.bind(args, keywords).values())


DTYPES_OF = Signature("promote_types(type1: dtype, type2: dtype)")


def _broadcast_shapes(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    shape: tuple[int, ...] = ()
    for sizes in args:
        shape = broadcast(
            shape, Signature("broadcast_shapes(size: sizes)").bind((sizes,), {})["size"]
        )
    return Size(shape)


def _row(row: str, name: str) -> Any:
    """Return an operation of the table as a function, without reading its row before it runs."""
    return lambda tracer, args, keywords: row_function(ROWS[row], name).run(tracer, args, keywords)


# ---- the tables ----------------------------------------------------------------------------

OTHERS: dict[str, Any] = {
    **CREATION,
    **transforms.FUNCTIONS,
    **MODES,
    **dropout.FUNCTIONS,
    **draws.FUNCTIONS,
    **random_tensors.FUNCTIONS,
    **init.FUNCTIONS,
    **{name: running.tracked(name, _row(name, name)) for name in running.TRACKED},
    "unfold": _row("nn.functional.unfold", "unfold"),  # x.unfold is another one
    "param": parameter, "nn.Parameter": TORCH["nn.Parameter"], "Parameter": TORCH["nn.Parameter"],
    "nn.Buffer": TORCH["nn.Buffer"],
    "allclose": _allclose, "equal": _equal, "array_equal": _equal, "result_type": _result_type,
    "set_default_dtype": _set_default_dtype, **files.FUNCTIONS, **replay.FUNCTIONS,
    "set_default_tensor_type": _set_default_tensor_type, "config.update": _configure,
    **{name: _typed(dtype) for name, dtype in TENSOR_TYPES.items()},
    **{name: _of_tensor(name, fact) for name, fact in FACTS.items()},
    "device": lambda tracer, args, keywords: skipped.Device(),
    "is_tensor": _is_tensor, "promote_types": _promote_types,
    "broadcast_shapes": _broadcast_shapes,
    "get_default_dtype": lambda tracer, args, keywords: tracer.graph.default_dtype,
    "autograd.backward": _backward, "set_printoptions": _set_printoptions,
    "lax.stop_gradient": _row("detach", "stop_gradient"),
}  # fmt: skip

MODULES = {
    "torch": "", "numpy": "np", "np": "np", "jax": "jax", "jax.numpy": "np", "jnp": "np",
    "math": "math", "F": "", "nn": "nn", "torch.nn": "nn", "torch.nn.functional": "",
    "nn.functional": "", "jax.nn": "jax.nn", "scipy": "scipy", "scipy.special": "scipy",
    "jax.config": "config", "jax.lax": "lax", "jax.random": "jax.random",
    "jax.scipy.stats": "jax.scipy.stats", "jax.scipy.stats.norm": "jax.scipy.stats.norm",
    "jax.scipy": "scipy", "jax.scipy.special": "scipy",
    "special": "", "torch.special": "", "linalg": "linalg", "torch.linalg": "linalg",
    "np.linalg": "linalg", "numpy.linalg": "linalg", "numpy.fft": "fft",
    "numpy.random": "random", "jax.numpy.linalg": "linalg", "jax.numpy.fft": "fft",
    "jnp.linalg": "linalg", "jnp.fft": "fft", "fft": "fft", "torch.fft": "fft", "np.fft": "fft",
    "torch.optim": "optim", "optim": "optim", "torch.optim.lr_scheduler": "optim.lr_scheduler",
    "optim.lr_scheduler": "optim.lr_scheduler", "torch.optim.swa_utils": "optim.swa_utils",
    "optim.swa_utils": "optim.swa_utils",
    "torch.nn.utils": "nn.utils",
    "nn.utils": "nn.utils", "torch.nn.utils.rnn": "nn.utils.rnn", "torch.utils": "utils",
    "nn.utils.rnn": "nn.utils.rnn", "torch.utils.data": "utils.data",
    "torch.distributions": "distributions",
    "torch.autograd": "autograd", "autograd": "hips", "torch.autograd.function": "autograd",
    "autograd.numpy": "np", "autograd.extend": "hips",
    "autograd.numpy.linalg": "linalg", "autograd.numpy.fft": "fft", "autograd.scipy": "scipy",
    "autograd.numpy.random": "random", "autograd.scipy.special": "scipy",
    "torch.autograd.functional": "", "torch.func": "func",
    "func": "func", "np.random": "random", "torch.random": "random", "random": "random",
    "torch.amp": "amp", "torch.cuda.amp": "amp", "torch.cpu.amp": "amp", "jax.tree": "tree",
    "jax.tree_util": "tree", "torch.nn.init": "init", "nn.init": "init",
}  # fmt: skip

DTYPE_NAMES = {**{name: name for name in DTYPES}, **DTYPE_SYNONYMS}


def in_place_row(name: str) -> Function | None:
    """Return a function that changes its first argument: `torch.relu_`, `F.elu_`."""
    if name == "detach_":
        return Function(
            name,
            lambda tracer, args, keywords: in_place.detach_(tracer, only(args, keywords, name)),
        )
    row = ROWS.get(name, ROWS.get(name[:-1]))  # those in place may have their own: `fill_`
    return None if row is None else in_place.method(name, row_function(row, name).run)


def member(module: Namespace, name: str) -> Any:
    """Return what a module has under a name, None where it has nothing."""
    path = f"{module.path}.{name}" if module.path else name
    if path in files.OF_TORCH:
        return Function(path, files.OF_TORCH[path])
    if skipped.is_passed_over(path):
        return skipped.found(path)
    if path == "torch.autocast":
        return prelude.find("amp", name)
    if path in custom.MEMBERS:
        return custom.MEMBERS[path]
    if name.startswith(("custom_", "primitive", "def")):
        from gradcli.trace import custom_rules

        if path in custom_rules.MEMBERS:
            return custom_rules.MEMBERS[path]
    if path.startswith("torch.autograd.") and "check" in name.lower():
        from gradcli.trace import gradcheck

        if path in gradcheck.MEMBERS:
            return gradcheck.MEMBERS[path]
        if name == "GradcheckError":
            return EXCEPTIONS[name]
    if path in MODULES or path in standard.FILES:
        return Namespace(path)
    if module.path not in MODULES and standard.is_standard(module.path):
        return standard.member(module.path, name)
    if module.path == "torch" and path in TORCH:
        return TORCH[path]
    if name == "ndarray" and is_numpys(module.path):
        return TORCH["np.ndarray"]
    if module.path == "math":
        from gradcli.trace import mathematics

        return mathematics.member(name)
    if module.path == "torch" and path in ROWS:  # it differs from that of nn.functional
        return lookup(path, bare=False)
    if module.path.endswith("autograd.functional"):
        from gradcli.trace import functional

        if name in functional.SIGNATURES:
            return functional.function(name)
    if module.path == "random":
        from gradcli.trace import python_random

        return python_random.member(name)
    if module.path == "jax.random":
        from gradcli.trace import jax_random

        return jax_random.member(name)
    prefix = MODULES.get(module.path, module.path)
    if (deferred := prelude.find(prefix, name)) is not None:
        return deferred
    if prefix == "random" and is_numpys(module.path):
        from gradcli.trace import numpy_random

        return numpy_random.member(name)
    if is_numpys(module.path):
        if name in ("c_", "r_"):
            return Joiner(name)
        if name in array_text.FUNCTIONS:
            return Function(name, array_text.FUNCTIONS[name])
        found = numpy_function(f"{prefix}.{name}" if prefix != "np" else name)
        if found is not None or name in ABSENT:
            return found
    if prefix in ("jax.nn", "scipy"):
        from gradcli.trace.scipy_forms import nn_function, special_function

        of_jax = module.path.startswith("jax")
        return nn_function(name) if prefix == "jax.nn" else special_function(name, of_jax=of_jax)
    prefix = "" if prefix == "np" else prefix
    return lookup(f"{prefix}.{name}" if prefix else name, bare=False) or (
        lookup(name, bare=False)
        if prefix in ("linalg", "func", "jax", "nn", "random", "hips")
        else None
    )


def is_numpys(path: str) -> bool:
    """Say whether a module is NumPy's, or JAX's or HIPS autograd's of the same names."""
    library, _, rest = path.partition(".")
    return library in ("np", "numpy", "jnp") or rest.partition(".")[0] == "numpy"


def lookup(name: str, *, bare: bool = True) -> Any:
    """Return the function, dtype, constant or module of a name, None where there is none.

    A bare name may be Python's own; behind a prefix it is the library's.
    """
    if bare and name in EXCEPTIONS and name[0] != "_":
        return EXCEPTIONS[name]
    if name == "linalg.LinAlgError":
        return EXCEPTIONS["_LinAlgError"]
    if bare and name in skipped.BARE:
        return skipped.found(name)
    if bare and name in PYTHON:
        return _function(name, PYTHON[name])
    if bare and name in PYTHONS_OWN:
        return PYTHONS_OWN[name]
    if bare and name == "autograd":
        return Namespace("torch.autograd")  # imported by that name, it is HIPS autograd
    if name in OTHERS:
        return _function(name, OTHERS[name])
    if name in in_place.FUNCTIONS and (found := in_place_row(name)) is not None:
        return found
    if name in ROWS:
        return row_function(ROWS[name], name)
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in DTYPE_NAMES and not (bare and name in ("int", "float", "bool")):
        return DTYPES[DTYPE_NAMES[name]]
    return Namespace(name) if name in MODULES and bare else None


def _function(name: str, run: Any) -> Any:
    """Return what a table has under a name: a type as it is, all else as a function."""
    return run if isinstance(run, Function | UserClass) else Function(name, run)


def names() -> set[str]:
    """Return every name that `lookup` knows, for suggestions."""
    return {*PYTHON, *EXCEPTIONS, *OTHERS, *ROWS, *CONSTANTS, *DTYPE_NAMES, *MODULES}
