# ruff: noqa: E501 -- a program is a line
"""Lines that print values of NumPy, JAX and PyTorch, and programs that show their defaults.

`python -m tests.trace.make_libraries` runs them with the libraries themselves, and stores what
they print in libraries.json.
"""

from __future__ import annotations

from itertools import product

STARTS = {
    "numpy": "import numpy as np\nA = np.array\n",
    "jax": "import jax\nimport jax.numpy as np\nA = np.array\n",
    "torch": "import torch\nA = torch.tensor\n",
}

VALUES = {
    "integers": "[1, 20, -300]", "an integer": "[7]", "truth values": "[True, False, True]",
    "halves": "[0.5, -1.25, 3.0]", "whole numbers": "[1.0, 2.0, -3.0]",
    "large ones": "[1e10, 2.5e12]", "small ones": "[1.5e-7, 2e-9]", "far apart": "[1e-5, 1e6, 3.0]",
    "thousands": "[1234567.0, 0.5]", "not a number": "[float('nan'), 1.0]",
    "infinities": "[float('inf'), float('-inf'), 1.5]", "negative zero": "[-0.0, 0.0]",
    "a matrix": "[[1.5, -2.0], [3.25, 4.0]]", "a row": "[[1.0, 2.0, 3.0]]",
    "a matrix of integers": "[[1, -2], [30, 4]]", "three dimensions": "[[[1.0], [2.5]], [[3.0], [4.0]]]",
    "nothing": "[]", "complex numbers": "[1 + 2j, -0.5j, 3 + 0j]",
    "many": "[0.25 * i for i in range(30)]", "very many": "[i for i in range(1200)]",
    "very many floats": "[0.5 * i for i in range(1200)]",
    "a large matrix": "[[i * 50.0 + j for j in range(50)] for i in range(40)]",
    "wide": "[[1.5 * i + j for j in range(20)] for i in range(3)]",
    "no dimensions": "2.5", "an integer without dimensions": "3", "a truth value": "True",
    "half": "0.5", "large": "1e20", "small": "1.5e-7", "nan": "float('nan')", "minus zero": "-0.0",
}  # fmt: skip
SHOWN = ["print(x)", "print(repr(x))", "print([x, 1])", "print(f'{x}', x.dtype, x.shape)"]
MADE = {
    "numpy": [
        "print(A([1., 2.]).sum(), [A([1., 2.]).sum()], A([1., 2.])[0], [A([1, 2])[1]])",
        "print(f'{A([1., 2.]).mean():.3f} {A(2.5):>8.2f} {A(3)}', str(A([1., 2.])))",
        "print({'a': A([1., 2.])}, (A(1.5),), [np.float64(3.0)], np.float32(0.1), np.int64(3))",
        "print(np.float64, np.float32, A([1.]).dtype, [A([1.]).dtype], np.zeros(2).dtype)",
        "print([np.arange(3), np.arange(3.), np.linspace(0, 1, 3), np.eye(2)])",
        "print([A(2.0) + 1, A(2.0).reshape(()), A([2.0]).reshape(()), A([[1., 2.]])[0]])",
        "print([A(2.0).copy(), A([1.5, 2.5]).astype(np.float32), A([1., 2.]) > 1.5])",
        "print([np.max(A([1, 3])), np.mean(A([1, 2])), np.argmax(A([1., 2.])), np.dot(A([1.]), A([2.]))])",
        "np.set_printoptions(precision=3)\nprint(A([0.123456, 2.0]), [A([1 / 3])])",
        "np.set_printoptions(suppress=True, linewidth=40)\nprint(A([1e-5, 1e6, 3.0]), np.arange(20.))",
        "print(A([1., 2.]).shape, A([[1.]]).shape, A(1.).shape, A([1., 2.]).size, len(A([1., 2.])))",
        "for x in A([1.5, 2.5]):\n    print(x, [x])",
    ],
    "jax": [
        "print([A([1., 2.]).sum(), A([1., 2.])[0], A([1, 2])[1], np.mean(A([1, 2]))])",
        "print(f'{A([1., 2.]).mean():.3f} {A(2.5):>8.2f} {A(3)}', str(A([1., 2.])))",
        "print({'a': A([1., 2.])}, (A(1.5),), [np.float32(3.0)], [np.int32(3)])",
        "print(np.float32, A([1.]).dtype, [A([1.]).dtype], np.zeros(2).dtype, A([1]).dtype)",
        "print([np.arange(3), np.arange(3.), np.linspace(0, 1, 3), np.eye(2)])",
        "print([A(2.0) + 1, A(2.0) * A([1.]), A([2.0]).reshape(()), A([[1., 2.]])[0], -A(2.0)])",
        "print([A([1.5, 2.5]).astype(np.float16), A([1., 2.]) > 1.5, np.zeros((0, 3)), A([1, 2]) / 2])",
        "print([np.max(A([1, 3])), np.argmax(A([1., 2.])), np.dot(A([1.]), A([2.]))])",
        "print([jax.grad(lambda x: np.sum(x**2))(A([1., 2.]))])",
        "jax.config.update('jax_enable_x64', True)\nprint([A([1., 2.]), A([1, 2]), A(2.0) * 2])",
    ],
    "torch": [
        "print(A([1., 2.]).sum(), [A([1., 2.])[0]], A([1, 2]), torch.zeros(2).dtype, A([1.]).numpy())",
        "print([A([0.1, 2.]).numpy()], A([1., 2.]).numpy().mean(), A([1., 2.]).numpy().dtype)",
        "torch.set_default_dtype(torch.float64)\nprint(A([1., 2.]), A([1., 2.]).dtype, torch.float32)",
        "torch.set_default_tensor_type(torch.DoubleTensor)\nprint(A([1., 2.]).dtype)",
        "torch.set_default_tensor_type('torch.DoubleTensor')\nprint(torch.ones(2).dtype)",
        "print(A([1., 2.], dtype=torch.float64), torch.arange(3.).dtype, torch.eye(2).dtype)",
        "print((A([1., 2.]) * 0.1).dtype, (A([1, 2]) / 2).dtype, (A(1) * 0.5).dtype)",
        "from torch import ones\nx = ones(2)\na = x.numpy()\na[0] = 5.\nprint(x, a, x * 2, x.shape, a.shape)",
        "print(torch.DoubleTensor([1, 2]), torch.FloatTensor([1, 2]).dtype)",
        "print(torch.linspace(0, 1, 3).dtype, torch.full((2,), 0.5).dtype, A([1j]).dtype)",
    ],
}  # fmt: skip
MIXED = [  # programs that import several libraries
    "import numpy as np\nimport torch\na = np.array([1., 2.])\nt = torch.tensor([1., 2.])\n"
    "print(a, t, [a, t], a.dtype, t.dtype, a.shape, t.shape, np.float64, torch.float64)",
    "import torch\nimport numpy as np\na = np.array([1., 2.])\n"
    "print(torch.from_numpy(a), torch.tensor(a).dtype, torch.as_tensor(a).dtype, torch.ones(2).dtype)",
    "import torch\nimport numpy as np\nt = torch.tensor([1., 2.])\n"
    "print(t.numpy(), t.std(), t.numpy().std(), np.array([1., 2.]).std(), [np.mean([1., 2.])])",
    "import torch\nfrom numpy import array, linspace\nprint(array([1.]).dtype, linspace(0, 1, 3), [array(2.)])",
    "import torch\nimport numpy as np\nX = np.linspace(0, 1, 3)\ny = 2 * X + 1\nprint(y, y.dtype)\n"
    "t = torch.tensor(y, dtype=torch.float32)\nprint(t, t.dtype, t.numpy())",
    "import numpy as np\nimport jax.numpy as jnp\na = np.array([1., 2.])\nb = jnp.array([1., 2.])\n"
    "print([a, b, a.dtype, b.dtype, jnp.array(a), np.asarray(b), np.zeros(1), jnp.zeros(1)])",
    "import numpy as np\nimport jax.numpy as jnp\na = np.array([1., 2.])\nb = jnp.array([1., 2.])\n"
    "print([a * b, b + a, jnp.stack([b, b]), np.sum(a), jnp.sum(b)], a[0], b[0])",
    "x = [1., 2.]\nimport numpy as np\nprint(np.array(x), [np.array(x) * 2], np.array(x).sum())",
]  # fmt: skip


def programs() -> list[str]:
    """Return every program, each of which prints something."""
    shown = [
        f"{STARTS[library]}x = A({value})\n{line}"
        for library, value, line in product(STARTS, VALUES.values(), SHOWN)
    ]
    made = [STARTS[library] + text for library, texts in MADE.items() for text in texts]
    return [*shown, *made, *MIXED]
