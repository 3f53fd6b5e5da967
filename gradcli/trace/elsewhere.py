"""What people look for that is not here, or is under another name, and what to write instead."""

from __future__ import annotations

_DATA = 'load("data.npz") reads data that is saved as .npz, .npy, .json, .csv or .safetensors'
_UPDATE = "torch.optim has optimisers; or write the update: with no_grad(): w -= 0.1 * w.grad"
_MODULES = "torch.nn has modules; or write functions with `def`, and parameters with param(...)"
_OTHER = "write it with torch, numpy or jax.numpy, whose functions are built in"

# by a module's name or its first part
MODULES = {
    **dict.fromkeys(
        ("torchvision", "torchaudio", "torchtext", "datasets", "pandas", "polars", "h5py", "PIL",
         "cv2", "skimage", "imageio", "yaml", "scipy.io", "tensorflow_datasets", "pyarrow",
         "sklearn.datasets"),
        _DATA,
    ),
    "sklearn": "write what it computes with torch or numpy; " + _DATA,
    "scipy.optimize": "write the steps in a loop, with backward() or grad(f) for the gradient",
    "scipy.stats": "write the density, such as exp(-x**2 / 2) / sqrt(2*pi), or draw with randn",
    "scipy.linalg": "torch.linalg and numpy.linalg are here",
    "scipy.fft": "torch.fft and numpy.fft are here",
    "scipy.integrate": "write the steps in a loop, or a sum over linspace(...)",
    "scipy.interpolate": "write it with searchsorted and lerp",
    "scipy.sparse": "write it with dense tensors",
    "scipy.signal": "write it with conv1d",
    "jax.scipy.optimize": "write the steps in a loop, with jax.grad(f) for the gradient",
    "jax.scipy.linalg": "jax.numpy.linalg is here",
    "jax.example_libraries": _UPDATE,
    "jax.sharding": "leave it out: a file is run on one CPU",
    "optax": "write the update by hand: w = w - 0.1 * grad(loss)(w)",
    "jaxopt": "write the update by hand: w = w - 0.1 * grad(loss)(w)",
    **dict.fromkeys(("flax", "haiku", "equinox", "keras", "pytorch_lightning", "lightning",
                     "torch_geometric", "transformers", "timm", "diffusers", "fastai"),
                    _MODULES),
    "tensorflow": "write it with torch: reduce_sum is sum, reduce_mean mean, GradientTape backward",
    "sympy": "gradcli derive FILE prints each gradient as a formula",
    "einops": "write it with reshape, permute and einsum",
    "opt_einsum": "write it with einsum",
    "functorch": "torch.func has its functions",
    "numba": "leave it out: write the function without @njit",
    "cupy": "write numpy: tensors are on the CPU",
    "torchmetrics": "write what it computes: (pred.argmax(1) == y).float().mean()",
    "torchdiffeq": "write the steps in a loop: x = x + dt * f(x)",
    **dict.fromkeys(("pyro", "numpyro", "gpytorch", "botorch", "tensorflow_probability", "distrax"),
                    "write the density, and draws as mu + sigma * torch.randn(...)"),
    "torch.sparse": "write it with dense tensors",
    "torch.utils.checkpoint": "call the function itself: it only saves memory",
    "torch.fx": "gradcli graph draws the graph of a file",
    "torch.hub": "write the model in the file, or record its run: gradcli.record",
    **dict.fromkeys(("torch.quantization", "torch.ao", "torch.library", "torch.masked",
                     "torch.nested"), "write it with torch.nn.functional and tensors of floats"),
    **dict.fromkeys(("theano", "mxnet", "statsmodels", "xgboost", "networkx", "gym", "gymnasium",
                     "mpmath", "casadi", "torch_scatter"), _OTHER),
    "accelerate": "leave it out: a file is run on one CPU",
    "deepspeed": "leave it out: a file is run on one CPU",
}  # fmt: skip

# functions of mathematics, which may be looked for as methods too
FUNCTIONS = {
    "ln": "`log` is the natural logarithm",
    **{name: f"write `{instead}`" for name, instead in {
        "log_e": "log", "logarithm": "log", "squareroot": "sqrt", "square_root": "sqrt",
        "sqroot": "sqrt", "exponential": "exp", "gaussian": "randn(...)",
         "lg": "log10", "ld": "log2", "sqr": "x**2", "cbrt": "x ** (1/3)",
        "arctg": "arctan", "tg": "tan", "ctg": "1 / tan(x)", "cot": "1 / tan(x)",
        "sec": "1 / cos(x)", "csc": "1 / sin(x)", "cosec": "1 / sin(x)", "arccot": "atan(1 / x)",
        "sech": "1 / cosh(x)", "csch": "1 / sinh(x)", "coth": "1 / tanh(x)",
        "reduce_sum": "sum", "reduce_mean": "mean", "reduce_max": "amax", "reduce_min": "amin",
        "reduce_prod": "prod", "reduce_logsumexp": "logsumexp", "reduce_any": "any",
        "reduce_all": "all", "mat_mul": "matmul", "matrix_multiply": "matmul",
        "dot_product": "dot", "multi_dot": "a @ b @ c", "expand_dims": "x.unsqueeze(0)",
        "cast": "x.to(torch.float32)", "astype": "x.to(torch.float32)",
        "convert_to_tensor": "tensor([...])", "constant": "tensor(...)",
        "Variable": "tensor(..., requires_grad=True)", "random_normal": "randn(...)",
        "random_uniform": "rand(...)", "heaviside_step": "heaviside",
        "indicator": "where(x > 0, 1.0, 0.0)", "ifelse": "where", "cond": "where",
        "normalise": "normalize", "clip_by_value": "clamp", "gradients": "grad",
        "gradient_of": "grad", "derivative": "grad", "backprop": "loss.backward()",
        "softmax_cross_entropy_with_logits": "cross_entropy(logits, target)",
        "sigmoid_cross_entropy_with_logits": "binary_cross_entropy_with_logits",
        "mean_squared_error": "mse_loss", "mse": "mse_loss", "MSE": "mse_loss",
        "crossentropy": "cross_entropy", "nll": "nll_loss", "bce": "binary_cross_entropy",
        "swish": "silu", "hard_sigmoid": "hardsigmoid", "leakyrelu": "leaky_relu",
        "frobenius": "norm", "magnitude": "abs",
    }.items()},
}  # fmt: skip

# by a path, or a name alone
NAMES = {
    "open": 'load("data.npz") reads a data file',
    "input": "bind values on the command line: -s NAME=…, -p NAME=…, --data FILE",
    "bytes": "write a string",
    "bytearray": "write a list of integers",
    "exec": "write the statements themselves",
    "eval": "write the expression itself",
    "compile": "write the statements themselves",
    "globals": "write the names themselves, or keep values in a dictionary",
    "locals": "write the names themselves, or keep values in a dictionary",
    "GradientTape": "call loss.backward(), or grad(loss, w)",
    **dict.fromkeys(("set_seed", "seed_all", "seed_everything"), "write torch.manual_seed(0)"),
    "torch.nn.Swish": "write nn.SiLU()",
    "tensor.to_numpy": "write x.numpy()",
    "tensor.toarray": "write x.numpy()",
    "tensor.asnumpy": "write x.numpy()",
    "tensor.len": "write len(x)",
    "tensor.length": "write len(x)",
    "tensor.shp": "write x.shape",
    "tensor.append": "write torch.cat([x, ...])",
    "tensor.concat": "write torch.cat([x, ...])",
    "tensor.gradient": "x.grad is the gradient, after backward()",
    "tensor.value": "write x.item(), or x itself",
    "tensor.values": "write x itself",
    "torch.backward": "write loss.backward()",
    "jax.value_grad": "write jax.value_and_grad",
    "torch.cbrt": "write x.sign() * x.abs() ** (1/3)",
    "jax.pmap": "write jax.vmap: a file is run on one CPU",
    "torch.sparse": MODULES["torch.sparse"],
    "torch.fx": MODULES["torch.fx"],
    "torch.hub": MODULES["torch.hub"],
    "torch.sparse_coo_tensor": MODULES["torch.sparse"],
    "torch.from_dlpack": "write torch.from_numpy(x)",
    "torch.nn.DataParallel": "leave it out: a file is run on one CPU",
    "torch.nn.parallel": "leave it out: a file is run on one CPU",
    "cuda": "leave it out: tensors are on the CPU",
    "numpy.vectorize": "call the function on the array, or write a comprehension",
    "numpy.genfromtxt": _DATA,
    "numpy.loadtxt": _DATA,
    "numpy.fromfile": _DATA,
    "numpy.memmap": _DATA,
    "numpy.matrix": "write numpy.array, and `@`",
    "scipy.optimize": MODULES["scipy.optimize"],
    "scipy.stats": MODULES["scipy.stats"],
    "scipy.linalg": MODULES["scipy.linalg"],
}  # fmt: skip


def of_module(path: str) -> str | None:
    """Say what to write instead of a module that is not here, None where nothing is known."""
    parts = path.split(".")
    paths = (".".join(parts[: n + 1]) for n in reversed(range(len(parts))))
    return next((MODULES[path] for path in paths if path in MODULES), None)


def of_name(name: str, module: str = "") -> str | None:
    """Say what to write instead of a name, of a module, None where nothing is known."""
    return NAMES.get(f"{module}.{name}") or NAMES.get(name) or FUNCTIONS.get(name)


def of_method(name: str) -> str | None:
    """Say what to write instead of a method of tensors, None where nothing is known."""
    return NAMES.get(f"tensor.{name}") or FUNCTIONS.get(name)
