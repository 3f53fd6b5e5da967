"""Calls of PyTorch that are no operations; torch.json.gz holds what PyTorch makes of them."""

_NAMES = ("zeros", "ones")
_DTYPES = ("float16", "bfloat16", "float32", "float64", "half", "double", "float", "int8", "int16",
  "int32", "int64",
           "short", "int", "long", "uint8", "bool", "complex64", "complex128", "cfloat",
             "cdouble")  # fmt: skip

MADE = [
    *(f"torch.{name}({x})" for name in _NAMES for x in
      ("3", "2, 3", "(2, 3)", "[2]", "()", "0, 2", "2, dtype=torch.int64",
        "(2, 1), dtype=torch.float32", "3, dtype=bool",
       "2, dtype=torch.complex64", "v.shape", "M.size()", "size=(2,)", "2, requires_grad=True",
         "2, device='cpu'", "M.shape[0]")),
    *(f"torch.{name}({x})" for name in ("zeros_like", "ones_like") for x in
      ("M", "i", "b", "c", "f", "M, dtype=torch.int64", "s", "z", "input=v",
        "v, requires_grad=True")),
    *(f"torch.{name}({x}).shape" for name in ("empty", "rand", "randn") for x in ("2, 3", "(2,)",
      "()", "0")),
    *(f"torch.{name}({x}).dtype" for name in ("empty", "rand", "randn") for x in ("2",
      "2, dtype=torch.float32")),
    *(f"torch.{name}({x}).{fact}" for name in ("empty_like", "rand_like", "randn_like") for x in
      ("M", "f", "M, dtype=torch.float32")
      for fact in ("shape", "dtype")),
    *(f"torch.full({x})" for x in ("(2,), 1.5", "(2, 3), 7", "(2,), True",
      "size=(2,), fill_value=2", "(1, 2), 2.5, dtype=torch.float32",
                                   "(2,), 1j", "(), 3.0", "(2,), 2.7, dtype=torch.int64",
                                     "(0,), 1", "[2], -1", "(2,), 1, requires_grad=False")),
    *(f"torch.full_like({x})" for x in ("v, 2", "i, 2", "i, 2.5, dtype=torch.float64",
      "M, 1.5, dtype=torch.float32", "c, 1j", "input=v, fill_value=3", "b, True")),
    *(f"torch.eye({x})" for x in ("3", "2, 3", "n=2, m=3", "2, dtype=torch.int64", "0", "3, 1",
      "2, dtype=bool", "2, dtype=torch.complex64")),
    *(f"torch.arange({x})" for x in ("3", "3.0", "1, 4", "0, 1, 0.25", "5, 0, -2",
      "3, dtype=torch.float32", "start=1, end=5", "1, 5, step=2", "end=3", "0", "1, 1",
                                     "0, 3, 1.0", "0, 1, 0.3", "2.5", "True", "-2, 2",
                                       "3, requires_grad=False", "0.0, 1.0, 0.1",
                                       "0.5, 3.7, 1.2, dtype=torch.int64", "5, 2, -1")),
    *(f"torch.linspace({x})" for x in ("0, 1, 5", "0.0, 1.0, steps=3", "start=1, end=3, steps=3",
      "1, 0, 3", "0, 1, 1", "0, 1, 0", "0, 10, 3, dtype=torch.int64",
                                       "0, 1j, 3", "0, 1, 3, dtype=torch.float32", "-1, 1, 4",
                                         "3, 3, 2", "0, 1, 4, dtype=torch.int64",
                                         "0, 1, 3, dtype=torch.complex128")),
    *(f"torch.logspace({x})" for x in ("0, 1, 5", "0, 2, steps=3", "0, 3, 4, base=2.0",
      "start=1, end=3, steps=3", "0, 2, 3, dtype=torch.int64", "-1, 1, 3", "0, 2, 3, 2",
                                       "0, 1, 1", "0, 1, 0", "0, 1j, 3",
                                         "0, 1, 3, dtype=torch.float32")),
    *(f"torch.{name}({x})" for name in ("tensor", "as_tensor", "asarray") for x in
      ("[1.0, 2.0]", "[[1, 2], [3, 4]]", "2.5", "[True, False]", "[1, 2.5]",
        "[1, 2], dtype=torch.float32", "[1j, 2]", "[]", "[[]]", "3", "(1, 2)", "True",
       "[v[0], 2.0]", "[1.7, 2.2], dtype=torch.int64", "[[1.0], [2.0]]", "[[True], [2]]",
         "range(3)", "[0, 1], dtype=bool", "1j", "[float('nan'), 1]")),
    "torch.tensor(2.0, requires_grad=True)", "torch.tensor(v)", "torch.tensor(data=[1.0])",
      "torch.as_tensor(v)", "torch.as_tensor(i, dtype=torch.float64)",
    *(f"torch.tensor([1.0, 0.0, 2.0], dtype=torch.{name})" for name in _DTYPES),
    *(f"torch.scalar_tensor({x})" for x in ("2", "2.5", "2, dtype=torch.int64", "True")),
    *(f"torch.{name}_indices({x})" for name in ("tril", "triu") for x in
      ("3, 3", "2, 4", "4, 2", "3, 3, 1", "3, 3, -1", "3, 4, offset=2", "row=2, col=2, offset=-1",
        "3, 3, dtype=torch.int32", "0, 3", "3, 3, 5", "3, 3, -5")),
    *(f"torch.{name}_window({x})" for name in ("hann", "hamming", "blackman", "bartlett", "kaiser")
      for x in
      ("5", "6", "1", "0", "2", "5, periodic=False", "6, False", "4, dtype=torch.float32",
        "window_length=7", "1, False", "2, False")),
    "torch.hamming_window(5, True, 0.5, 0.5)", "torch.hamming_window(5, True, alpha=0.6, beta=0.3)",
      "torch.kaiser_window(6, True, 8.0)", "torch.kaiser_window(6, True, beta=3.0)",
    "torch.kaiser_window(5, False, beta=0.0)",
    *(f"torch.fft.{name}({x})" for name in ("fftfreq", "rfftfreq") for x in ("4", "5", "5, 0.5",
      "n=4, d=2.0", "1", "4, dtype=torch.float32")),
    *(f"{x}.new_{call}" for x in ("v", "f", "i") for call in
      ("zeros(2)", "zeros((2, 3))", "ones(2, 2)", "ones(2, dtype=torch.int64)", "full((2,), 3)",
        "full((2,), 2, dtype=torch.float64)", "tensor([1, 2])",
       "tensor([1.5], dtype=torch.float32)", "empty(2).shape", "empty(2).dtype",
         "zeros(2, requires_grad=False)")),
    *(f"torch.randint({x}).{fact}" for x in ("5, (3,)", "1, 5, (2, 3)",
      "0, 2, (4,), dtype=torch.float32", "low=1, high=3, size=(2,)", "5, size=(2, 2)") for fact in
      ("shape", "dtype")),
    *(f"torch.randperm({x})" for x in ("1", "0", "1, dtype=torch.float64")),
      "torch.randperm(5).sort()[0]",
    "torch.randint(3, 4, (2, 2))", "torch.bernoulli(torch.tensor([0.0, 1.0, 1.0]))",
      "torch.bernoulli(M, 1.0)", "torch.bernoulli(f * 0)", "torch.bernoulli(v, p=0.0)",
    "torch.tensor([0.0, 1.0]).bernoulli()", "M.bernoulli(0.0)", "torch.normal(v, 0.0)",
      "torch.normal(2.0, 0.0, (3,))", "torch.normal(v, torch.zeros(3))",
    "torch.normal(mean=1.0, std=0.0, size=(2, 2))",
]  # fmt: skip

FACTS = [
    *(f"{x}.{fact}" for x in ("v", "M", "T", "s", "z", "i", "b", "c", "f", "M.t()", "T[:, 1:]",
      "v[::2]") for fact in
      ("element_size()", "itemsize", "nbytes", "numel()", "nelement()", "dim()", "ndimension()",
        "ndim", "shape", "size()", "dtype", "is_floating_point()",
       "is_complex()", "tolist()", "is_leaf", "requires_grad", "retains_grad", "grad", "grad_fn",
         )),
    "M.size(0)", "M.size(-1)", "M.size(dim=1)", "T.size(1)", "M.shape[1]", "M.shape.numel()",
      "s.item()", "v[0].item()", "b[0].item()", "c[1].item()", "i[:1].item()",
    *(f"{x}.{name}()" for x in ("v", "i", "b") for name in ("half", "float", "double", "int",
      "long", "short", "bool", "bfloat16", "cfloat", "cdouble")),
    "v.to(torch.float32)", "v.to(dtype=torch.int64)", "v.to('cpu')", "v.to('cpu', torch.float32)",
      "v.to(i)", "v.to(f)", "i.to(torch.bool)", "v.type(torch.int32)", "v.type_as(f)",
    "v.cpu()", "v.detach()", "v.clone()", "v.data", "v.numpy().shape", "M.T", "M.mT", "M.H",
      "C.mH", "C.H", "C.real", "C.imag", "v.real", "T.mT",
    "v.requires_grad_().requires_grad", "v.requires_grad_(False).requires_grad",
      "s.is_nonzero()", "torch.tensor(0.0).is_nonzero()",
    *(f"torch.{name}({x})" for name in ("numel", "is_floating_point", "is_complex", "is_tensor")
      for x in ("v", "M", "i", "c", "s", "z")),
    "torch.is_tensor(2.0)", "torch.is_tensor([1.0])", "torch.is_nonzero(s)",
      "torch.is_nonzero(torch.tensor([0]))", "torch.numel(input=M)",
    *(f"torch.promote_types(torch.{a}, torch.{b})" for a in ("float32", "int64", "bool",
      "complex64", "uint8") for b in ("float64", "int32", "float16", "int8")),
    *(f"torch.result_type({x})" for x in ("v, i", "f, v", "f, 2", "i, 2.0", "i, c", "f, c", "b, i",
      "f, s", "i, 2j", "f, 2j", "b, 2", "2, 2.5")),
    "torch.broadcast_shapes((2, 1), (3,))", "torch.broadcast_shapes((2, 3))",
      "torch.broadcast_shapes((4, 1, 2), (3, 1), (2,))", "torch.get_default_dtype()",
    *(f"torch.equal({x})" for x in ("v, v", "v, w", "v, M", "i, i", "n, n", "input=v, other=v",
      "z, z")),
    *(f"torch.allclose({x})" for x in ("v, v + 1e-9", "v, w", "v, v + 0.1, atol=0.2",
      "v, v * (1 + 1e-6), 1e-7", "n, n", "n, n, equal_nan=True", "M, v",
      "input=v, other=v, rtol=0.1",
                                       "v, v + 0.1, 0.0, 0.2", "i, i")),
    "torch.pi", "torch.e", "torch.inf", "-torch.inf", "torch.nan",
]  # fmt: skip

# what is printed of the results of an operation
PRINTED = [
    *(f"torch.{name}" for name in (
        "split(torch.arange(4), 2)", "chunk(M, 2)", "unbind(M)", "max(M, 0)", "min(M, dim=1)",
          "sort(v)", "topk(v, 2)", "kthvalue(v, 2)", "mode(i)", "median(M, 1)",
        "nanmedian(M, 0)", "cummax(v, 0)", "cummin(M, 1)", "aminmax(M)", "aminmax(M, dim=0)",
          "var_mean(M)", "std_mean(M, 0)", "nonzero(i > 1, as_tuple=True)",
        "nonzero(M > 1, as_tuple=True)", "unique(i, return_counts=True)",
          "unique(i, return_inverse=True, return_counts=True)", "slogdet(Q)", "linalg.slogdet(Q)",
        "linalg.eigh(torch.diag(v))[0]", "linalg.lu_factor(Q)",
          "meshgrid(v, i * 1.0, indexing='ij')", "broadcast_tensors(v, M)", "hsplit(M, 3)",
          "vsplit(M, 2)",
        "tensor_split(v, 2)", "split(v, [1, 2])",
          "triangular_solve(M.t(), torch.eye(3))" , "where(v > 0)", "sort(M, descending=True)",
          "split(M, 5)",
        "linalg.lu(torch.eye(2))", "qr(torch.eye(2) * -1)[1]")),
    "M.max(1)", "M.min(0)", "v.sort()", "v.topk(1)", "M.unbind(1)", "M.split(1)", "M.shape",
      "v.dtype", "(v, 1)", "(v,)", "[v, M]", "torch.max(M, 0).values", "torch.sort(v)[1]",
    "torch.max(k * M, 0)", "torch.split(k * v, 2)", "((k * v).sum(), k)", "torch.var_mean(k * v)",
      "[torch.sort(v)]", "(torch.max(M, 0), 1)", "torch.max(f, 0)",
]  # fmt: skip

# what PyTorch refuses, in its words
REFUSED = [
    "torch.arange(1, 0)", "torch.arange(0, 1, -1)", "torch.arange(-3)",
      "torch.arange(float('inf'))", "torch.arange(0, float('nan'))", "torch.arange(0, 1, 0)",
    "torch.arange(1, 2.5, 0.5, dtype=torch.int64)",
    "torch.linspace(0, 1, -1)", "torch.logspace(0, 1, -2)", "torch.eye(-2)", "torch.eye(2, -1)",
      "torch.eye(-1, 2)",
    "torch.hsplit(s, 1)", "torch.vsplit(v, 3)", "torch.dsplit(M, 1)",
      "torch.searchsorted(v, w, side='middle')",
      "torch.searchsorted(v, w, right=True, side='left')",
    "torch.linalg.matrix_rank(v)", "torch.zeros(-1)", "torch.tensor([[1], [2, 3]])",
      "torch.ones(2, -3)",
]  # fmt: skip

# programs of torch.func, torch.autograd and HIPS autograd's order of results
PROGRAMS = {
    "func_grad": "y = torch.func.grad(lambda x: (x ** 3).sum())(v)",
    "func_grad_argnums": "y = torch.func.grad(lambda a, b: (a * b ** 2).sum(), argnums=1)(v, w)",
    "func_grad_two": "y = torch.func.grad(lambda a, b: (a * b ** 2).sum(), argnums=(0, 1))(v, w)",
    "func_grad_aux": "y = torch.func.grad(lambda x: ((x ** 2).sum(), x + 1), has_aux=True)(v)",
    "func_grad_keyword": "y = torch.func.grad(lambda x, k=2: (x ** k).sum())(v, k=3)",
    "grad_and_value": "y = torch.func.grad_and_value(lambda x: (x ** 3).sum())(v)",
    "grad_and_value_argnums": "y = torch.func.grad_and_value(lambda a, b: (a * b ** 2).sum(), "
    "1)(v, w)",
    "grad_and_value_two": "y = torch.func.grad_and_value(lambda a, b: (a * b).sum(), argnums=(0, "
    "1))(v, w)",
    "grad_and_value_aux": "y = torch.func.grad_and_value(lambda x: ((x ** 2).sum(), x + 1), "
    "has_aux=True)(v)",
    "func_jacrev": "y = torch.func.jacrev(lambda x: x ** 2 * x.sum())(v)",
    "func_jacfwd": "y = torch.func.jacfwd(lambda x: x ** 2 * x.sum())(v)",
    "func_jacrev_argnums": "y = torch.func.jacrev(lambda a, b: a * b.sum(), argnums=1)(v, w)",
    "func_jacrev_two": "y = torch.func.jacrev(lambda a, b: a * b.sum(), argnums=(0, 1))(v, w)",
    "func_jacrev_aux": "y = torch.func.jacrev(lambda x: (x ** 2, x.sum()), has_aux=True)(v)",
    "func_hessian": "y = torch.func.hessian(lambda x: (x ** 3).sum() + x[0] * x[1])(v)",
    "func_hessian_two": "y = torch.func.hessian(lambda a, b: (a * b ** 3).sum(), argnums=(0, "
    "1))(v, w)",
    "func_vjp": "value, back = torch.func.vjp(lambda x: x ** 2, v)\ny = (value, back(w))",
    "func_vjp_two": "value, back = torch.func.vjp(lambda a, b: a * b ** 2, v, w)\n"
    "y = (value, back(p))",
    "func_jvp": "y = torch.func.jvp(lambda x: x ** 2, (v,), (w,))",
    "func_jvp_two": "y = torch.func.jvp(lambda a, b: a * b ** 2, (v, w), (p, v))",
    "func_jvp_aux": "y = torch.func.jvp(lambda x: (x ** 2, x + 1), (v,), (w,), has_aux=True)",
    "func_vmap": "y = torch.func.vmap(lambda x: x * x.sum())(M)",
    "vmap": "y = torch.vmap(lambda a, b: torch.dot(a, b))(M, N)",
    "vmap_in_dims": "y = torch.vmap(lambda a, b: a * b.sum(), in_dims=(0, None))(M, v)",
    "vmap_columns": "y = torch.vmap(lambda x: x * x.sum(), in_dims=1)(M)",
    "vmap_out_dims": "y = torch.vmap(lambda x: x * x.sum(), out_dims=1)(M)",
    "vmap_of_grad": "y = torch.func.vmap(torch.func.grad(lambda x: (x ** 3).sum()))(M)",
    "vmap_of_a_pair": "y = torch.vmap(lambda x: (x.sum(), x * 2))(M)",
    "jacobian": "y = torch.autograd.functional.jacobian(lambda x: x ** 2 * x.sum(), v)",
    "jacobian_two": "y = torch.autograd.functional.jacobian(lambda a, b: a * b.sum(), (v, w))",
    "jacobian_options": "y = torch.autograd.functional.jacobian(lambda x: x ** 2, v, "
    "create_graph=True, vectorize=True)",
    "jacobian_named": "y = torch.autograd.functional.jacobian(func=lambda x: x ** 2, inputs=v)",
    "hessian": "y = torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), v)",
    "hessian_two": "y = torch.autograd.functional.hessian(lambda a, b: (a * b ** 2).sum(), (v, w))",
    "vjp": "y = torch.autograd.functional.vjp(lambda x: x ** 2, v, w)",
    "vjp_two": "y = torch.autograd.functional.vjp(lambda a, b: a * b, (v, w), v=p)",
    "jvp": "y = torch.autograd.functional.jvp(lambda x: x ** 2, v, w)",
    "jvp_two": "y = torch.autograd.functional.jvp(lambda a, b: a * b, (v, w), (p, v))",
    "hvp": "y = torch.autograd.functional.hvp(lambda x: (x ** 3).sum(), v, w)",
    "hvp_two": "y = torch.autograd.functional.hvp(lambda a, b: (a * b ** 2).sum(), (v, w), (p, v))",
    "vhp": "y = torch.autograd.functional.vhp(lambda x: (x ** 3).sum(), v, v=w)",
    "autograd_grad": "x = torch.tensor([1.0, 2.0], requires_grad=True)\n"
    "y = torch.autograd.grad((x ** 2).sum(), x)",
    "autograd_grad_unused": "x = torch.tensor(2.0, requires_grad=True)\n"
    "u = torch.tensor(1.0, requires_grad=True)\n"
    "y = torch.autograd.grad(x * 3, (x, u), materialize_grads=True)",
    "autograd_grad_outputs": "x = torch.tensor([1.0, 2.0], requires_grad=True)\n"
    "y = torch.autograd.grad(x ** 2, [x], grad_outputs=torch.tensor([1.0, 3.0]))",
    "autograd_backward": "x = torch.tensor([1.0, 2.0], requires_grad=True)\n"
    "torch.autograd.backward((x ** 2).sum())\ny = x.grad",
    "autograd_backward_two": "x = torch.tensor([1.0, 2.0], requires_grad=True)\n"
    "torch.autograd.backward([(x ** 2).sum(), x * 3], [torch.tensor(2.0), torch.tensor([1.0, "
    "5.0])])\ny = x.grad",
}  # fmt: skip
