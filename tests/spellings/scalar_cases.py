"""Calls of SciPy's special functions and of Python's module math, as text that they run as well."""

_UNARY = ["digamma", "psi", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1",
  "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "logit", "ndtr", "ndtri",
  "sinc"]  # fmt: skip

SPECIAL = [
    *(f"special.{name}({x})" for name in _UNARY for x in ("p", "M", "s", "z", "i", "f", "n", "0.3",
      "2", "[0.25, 0.5]", "b")),
    *(f"special.{name}({x})" for name in ("xlogy", "xlog1py", "kl_div", "gammainc", "gammaincc",
      "zeta") for x in
      ("p, w", "np.abs(M), p", "p, 2.0", "2.0, p", "i, j", "i, p", "np.zeros(3), v", "f, f * f",
        "p, 0.0", "z, z", "2.5, 1.5")),
    *(f"special.polygamma({x})" for x in ("1, p", "0, p", "3, M", "2, 0.5", "n=1, x=p", "i, p",
      "1, i")),
    *(f"special.multigammaln({x})" for x in ("p + 2, 2", "i + 2.0, 3", "a=p + 1, d=1", "4.5, 2")),
    *(f"special.{name}({x})" for name in ("softmax", "log_softmax") for x in
      ("v", "M", "M, axis=0", "M, axis=1", "M, axis=-1", "T, axis=(0, 2)", "M, axis=None",
        "[1.0, 2.0]", "n", "f", "i", "M, 1")),
    *(f"special.logsumexp({x})" for x in
      ("v", "M", "M, axis=0", "M, 1", "M, axis=(0, 1)", "M, axis=1, keepdims=True",
        "M, b=np.abs(N)", "n[::2]", "i", "M, axis=None, keepdims=True",
       "M, return_sign=True", "f", "E, axis=1", "[1.0, 2.0]", "v, b=[1.0, -1.0, 2.0]", "v, 0, w",
         "s")),
    *(f"special.softplus({x})" for x in ("v", "M", "f", "0.5", "i")),
    *(f"special.round({x})" for x in ("v", "M", "np.array([0.5, 1.5, 2.5, -0.5])", "2.5")),
]  # fmt: skip

MATH = [
    *(f"math.{name}({x})" for name in ("acos", "asin", "atan", "atanh") for x in ("0.5", "0",
      "-0.25")),
    *(f"math.{name}({x})" for name in ("asinh", "cos", "cosh", "degrees", "erf", "erfc", "exp",
      "exp2", "expm1", "fabs",
                                       "radians", "sin", "sinh", "tan", "tanh", "ceil", "floor",
                                         "trunc", "isfinite", "isinf",
                                       "isnan", "cbrt", "ulp") for x in ("0.5", "2", "-1.75", "0")),
    *(f"math.{name}({x})" for name in ("acosh", "log", "log10", "log2", "log1p", "sqrt", "lgamma",
      "gamma", "modf", "frexp")
      for x in ("1.5", "3", "10")),
    *(f"math.{name}({x})" for name in ("floor", "ceil", "trunc") for x in ("-2.5", "1e20", "7",
      "-0.0")),
    *(f"math.{name}({x})" for name in ("isfinite", "isinf", "isnan") for x in ("math.inf",
      "-math.inf", "math.nan")),
    *(f"math.{name}({x})" for name in ("atan2", "copysign", "fmod", "hypot", "nextafter", "pow",
      "remainder") for x in ("5.0, 3.0", "-1, 2", "5, 3", "2.5, -1.5", "7.5, 2")),
    *(f"math.{name}({x})" for name in ("gcd", "lcm") for x in ("12, 18", "-4, 6", "0, 5",
      "12, 18, 27", "7", "")),
    "math.asin(True)", "math.hypot(3, 4, 12)", "math.hypot(2.0)", "math.log(8, 2)",
    "math.log(2.0, 10)",
      "math.ldexp(0.75, 3)", "math.ldexp(1, -2)",
    "math.dist([1, 2], [4, 6])", "math.dist((0.5, 1.0), (1.5, 3.0))", "math.dist([1.0], [4.0])",
      "math.prod([2, 3, 4])", "math.prod([1.5, 2], start=2)",
    "math.prod([])", "math.prod((2, 3))", "math.fsum([0.1] * 10)",
      "math.isclose(1.0, 1.0 + 1e-10)", "math.isclose(1.0, 1.1, rel_tol=0.2)",
    "math.isclose(0.0, 1e-9, abs_tol=1e-8)", "math.isclose(1, 2)", "math.factorial(5)",
      "math.factorial(0)", "math.comb(10, 3)", "math.perm(5, 2)",
    "math.perm(4)", "math.isqrt(17)", "math.pi", "math.e", "math.inf", "-math.inf", "math.tau",
      "math.nan", "math.sqrt(2) * math.pi",
    "math.gcd(8, 12)",
]  # fmt: skip

# what gradcli refuses: the call, and why
REFUSED = {
    "special.gammainc(i, j)": "PyTorch has no kernel for integers",
    "special.gammaincc(i, j)": "PyTorch has no kernel for integers",
    "special.softplus(i)": "PyTorch has no kernel for integers",
    "special.polygamma(i, p)": "the order is one number",
    "special.softmax(T, axis=(0, 2))": "a softmax is taken along one axis, or over all",
    "special.log_softmax(T, axis=(0, 2))": "a softmax is taken along one axis, or over all",
    "special.logsumexp(M, b=np.abs(N))": "there are no weights here",
    "special.logsumexp(v, b=[1.0, -1.0, 2.0])": "there are no weights here",
    "special.logsumexp(v, 0, w)": "there are no weights here",
    "special.logsumexp(M, return_sign=True)": "there are no signs here",
}

# SciPy takes booleans for float32; here a float of them has the default dtype
DIFFERENT = {
    f"special.{name}(b)": f"special.{name}(b * 1.0)" for name in ("entr", "erfinv", "ndtri")
}
