"""Draws of PyTorch's generator: what each makes of the seed, and programs of several draws."""

from __future__ import annotations

SEEDS = (0, 42, 2**40 + 3, -1)
SIZES = (0, 1, 5, 15, 16, 17, 31, 32, 100, 1000)
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")

# a call for n elements of the dtype d, and for which dtypes
CALLS: dict[str, tuple[str, ...]] = {
    "torch.rand({n}, dtype={d})": (*FLOATS, "complex64", "complex128"),
    "torch.randn({n}, dtype={d})": (*FLOATS, "complex64", "complex128"),
    "torch.rand_like(torch.zeros({n}, dtype={d}))": FLOATS,
    "torch.randn_like(torch.zeros({n}, dtype={d}))": FLOATS,
    "torch.empty({n}, dtype={d}).uniform_(-0.3, 1.7)": FLOATS,
    "torch.empty({n}, dtype={d}).uniform_(1000000.0, 1000000.25)": ("float32", "float64"),
    "torch.empty({n}, dtype={d}).normal_(1.3, 0.7)": FLOATS,
    "torch.normal(1.3, 0.7, ({n},))": ("float64",),
    "torch.normal(torch.arange({n}, dtype={d}), 0.7)": ("float32", "float64"),
    "torch.normal(1.3, torch.arange({n}, dtype={d}))": ("float32", "float64"),
    "torch.normal(torch.arange({n}, dtype={d}), torch.ones({n}, dtype={d}))": ("float32",),
    "torch.randint(-7, 55, ({n},), dtype={d})": (*FLOATS, *INTEGERS[:4]),
    "torch.randint(2, ({n},), dtype={d})": ("bool", "uint8"),
    "torch.randint(2**28 - 1, ({n},), dtype={d})": ("int64", "int32", "float64"),
    "torch.randint(2**28, ({n},), dtype={d})": ("int64", "int32", "float64"),
    "torch.randint(-5, 2**40, ({n},))": ("int64",),
    "torch.randint(-2**63, 2**63 - 1, ({n},))": ("int64",),
    "torch.randint_like(torch.zeros({n}, dtype={d}), 3, 9)": ("float32", "int64"),
    "torch.empty({n}, dtype={d}).random_()": (*FLOATS, *INTEGERS, "bool"),
    "torch.empty({n}, dtype={d}).random_(3, 50)": (*FLOATS, *INTEGERS),
    "torch.empty({n}, dtype={d}).random_(50)": ("float32", "int64"),
    "torch.randperm({n})": ("int64",),
    "torch.bernoulli(torch.full(({n},), 0.3, dtype={d}))": FLOATS,
    "torch.bernoulli(torch.zeros({n}, dtype={d}), 0.3)": FLOATS,
    "torch.empty({n}, dtype={d}).bernoulli_(0.3)": (*FLOATS, "int64", "bool"),
    "torch.empty({n}, dtype={d}).bernoulli_(torch.full(({n},), 0.3))": ("float32", "float64"),
    "torch.empty({n}, dtype={d}).exponential_(1.5)": FLOATS,
    "torch.empty({n}, dtype={d}).cauchy_(1.5, 0.3)": FLOATS,
    "torch.empty({n}, dtype={d}).log_normal_(0.5, 0.3)": FLOATS,
    "torch.empty({n}, dtype={d}).geometric_(0.3)": (*FLOATS, "int64"),
    "torch.multinomial(torch.arange({n} + 5, dtype={d}), 3)": ("float32", "float64"),
    "torch.multinomial(torch.arange({n} + 5, dtype={d}), 1)": ("float32", "float64"),
    "torch.multinomial(torch.arange({n} + 5, dtype={d}), 1, True)": ("float32", "float64"),
    "torch.multinomial(torch.arange({n} + 5, dtype={d}), 9, replacement=True)": FLOATS,
    "torch.multinomial(torch.ones(2, {n} + 2, dtype={d}), 9, True)": ("float32", "float64"),
    "torch.nn.functional.dropout(torch.ones({n}, dtype={d}), 0.3)": FLOATS,
    "torch.nn.functional.alpha_dropout(torch.ones({n}, dtype={d}), 0.3, True)": ("float64",),
    "torch.nn.functional.dropout2d(torch.ones(2, {n}, 2, 2, dtype={d}), 0.3)": ("float32",),
    "torch.nn.functional.rrelu(torch.arange({n}, dtype={d}) - 3, training=True)":
        ("float32", "float64"),
}  # fmt: skip

_W = "w = torch.empty({s}, dtype=torch.float32)\n"
# programs whose `y` is compared exactly
STREAMS: dict[str, str] = {
    "draws in a row": "y = [torch.randn(3), torch.rand(20), torch.randn(2), "
    "torch.randint(9, (5,)), torch.randn(17), torch.randperm(7), torch.randn(4), torch.randn(1)]",
    "the second of a pair is forgotten": "torch.randn(3)\ntorch.manual_seed(5)\n"
    "y = [torch.randn(3)]",
    "a spare of another dtype": "y = [torch.randn(1, dtype=torch.float64), "
    "torch.randn(2, dtype=torch.float32), torch.randn(3, dtype=torch.float16)]",
    "two generators": "g = torch.Generator().manual_seed(7)\nh = torch.Generator()\n"
    "y = [torch.rand(3, generator=g), torch.rand(2), torch.randn(5, generator=h), "
    "torch.randn(5, generator=g), torch.randperm(4, generator=h), "
    "torch.randint(5, (3,), generator=g), torch.bernoulli(torch.full((4,), 0.5), generator=g), "
    "torch.empty(3).uniform_(2, 3, generator=g), torch.normal(1.0, 2.0, (3,), generator=g), "
    "torch.multinomial(torch.ones(4), 2, generator=g)]",
    "seeds": "g = torch.Generator().manual_seed(7)\ny = [torch.tensor([torch.initial_seed(), "
    "g.initial_seed(), torch.Generator().initial_seed(), torch.manual_seed(9).initial_seed()])]",
    "a transposed tensor": "x = torch.empty(5, 4, dtype=torch.float32)\nx.t().normal_()\n"
    "z = torch.empty(4, 3, 2)\nz.permute(2, 0, 1).uniform_()\nu = torch.empty(3, 4)\n"
    "u.t().bernoulli_(torch.full((4, 3), 0.5))\ny = [x, z, u]",
    "a part of a tensor": "x = torch.zeros(40, 2)\nx[:, 0].normal_(1, 2)\nx[::3, 1].random_(0, 9)\n"
    "x[5:30].exponential_()\ny = [x]",
    "like what is transposed": "x = torch.zeros(5, 4, dtype=torch.float32)\n"
    "y = [torch.randn_like(x.t()), torch.rand_like(x.t()), torch.randn_like(x[:, ::2]), "
    "torch.randint_like(x.t(), 9), torch.randn_like(x[::2])]",
    "complex parts": "x = torch.zeros(20, 2, dtype=torch.complex64)\nx[:, 0].normal_()\ny = [x]",
    **{
        f"{call} of {size}": _W.format(s=size) + f"torch.nn.init.{call}\ny = [w]"
        for size in ("3, 2", "20, 30", "6, 4, 3, 3")
        for call in (
            "uniform_(w)", "uniform_(w, -2, 3)", "normal_(w)", "normal_(w, 1, 0.02)",
            "constant_(w, 0.3)", "ones_(w)", "zeros_(w)", "xavier_uniform_(w)",
            "xavier_normal_(w, 1.7)", "kaiming_uniform_(w)", "kaiming_uniform_(w, a=5**0.5)",
            "kaiming_normal_(w, mode='fan_out', nonlinearity='relu')",
            "kaiming_uniform_(w, nonlinearity='tanh')", "trunc_normal_(w)",
            "trunc_normal_(w, 0.5, 0.2, 0, 1)", "trunc_normal_(w, 0, 1, 0.5, 1)",
            "trunc_normal_(w, 0, 1, 1.5, 4)",
        )
    },
    **{
        f"{call} of {size}": _W.format(s=size) + f"torch.nn.init.{call}\ny = [w]"
        for size, calls in {
            "5, 7": ("eye_(w)", "sparse_(w, 0.3)", "sparse_(w, 0.9, std=2)"),
            "6, 4, 3": ("dirac_(w)", "dirac_(w, 2)"), "6, 4, 3, 5": ("dirac_(w, 3)",),
        }.items() for call in calls
    },
    "the layers of a tutorial": "a, b = torch.empty(8, 5), torch.empty(8)\n"
    "torch.nn.init.kaiming_uniform_(a, a=5**0.5)\ntorch.nn.init.uniform_(b, -5**-0.5, 5**-0.5)\n"
    "x = torch.randn(4, 5)\ny = [a, b, x]",
    "gains": "f = torch.nn.init.calculate_gain\ny = [torch.tensor([f('relu'), f('tanh'), "
    "f('selu'), f('leaky_relu'), f('leaky_relu', 0.2), f('linear'), f('conv2d'), f('sigmoid')])]",
}  # fmt: skip
# programs whose `y` comes through a factorisation: equal but for rounding
CLOSE: dict[str, str] = {
    f"{call} of {size}": _W.format(s=size) + f"torch.nn.init.{call}\ny = [w]"
    for size in ("3, 2", "4, 9", "6, 4, 3")
    for call in ("orthogonal_(w)", "orthogonal_(w, gain=2)")
}
# what PyTorch refuses, in its words
REFUSED: tuple[str, ...] = (
    "torch.empty(3).uniform_(2, 1)", "torch.empty(3).normal_(0, -1)",
    "torch.empty(3).exponential_(-1)", "torch.empty(3).cauchy_(0, 0)",
    "torch.empty(3).log_normal_(0, 0)", "torch.empty(3).geometric_(1)",
    "torch.zeros(3, dtype=torch.int64).uniform_()", "torch.zeros(3, dtype=torch.int64).normal_()",
    "torch.zeros(3, dtype=torch.int64).exponential_()",
    "torch.zeros(3, dtype=torch.int64).cauchy_()",
    "torch.zeros(3, dtype=torch.int64).log_normal_()", "torch.empty(3).random_(5, 5)",
    "torch.empty(3, requires_grad=True).normal_()", "torch.empty(3).bernoulli_(2)",
    "torch.multinomial(torch.ones(3), 4)", "torch.multinomial(torch.ones(3), 0)",
    "torch.multinomial(torch.zeros(3), 2)", "torch.multinomial(-torch.ones(3), 2)",
    "torch.multinomial(torch.ones(2, 2, 2), 1)",
    "torch.nn.init.xavier_uniform_(torch.ones(3))", "torch.nn.init.eye_(torch.ones(3))",
    "torch.nn.init.dirac_(torch.ones(3, 3))", "torch.nn.init.dirac_(torch.ones(3, 3, 3), 2)",
    "torch.nn.init.orthogonal_(torch.ones(3))", "torch.nn.init.sparse_(torch.ones(3), 0.1)",
    "torch.nn.init.kaiming_normal_(torch.ones(3, 3), mode='fan')",
    "torch.nn.init.calculate_gain('swish')", "torch.manual_seed(2**64)",
)  # fmt: skip


def program(text: str, seed: int) -> str:
    """Return a file that makes `text`'s `y`, a list of tensors, under a seed and float64."""
    return (
        f"import torch\ntorch.set_default_dtype(torch.float64)\ntorch.manual_seed({seed})\n{text}\n"
    )


def draws(call: str, seed: int) -> str:
    """Return a file whose `y` is a list of a call's results: for each dtype, of each size."""
    lines = ["y = []"]
    for dtype in CALLS[call]:
        for size in SIZES:
            text = call.replace("{n}", str(size)).replace("{d}", f"torch.{dtype}")
            lines += [f"torch.manual_seed({seed})", f"y.append({text})"]
    return program("\n".join(lines), seed)
