"""One program on two sides: what it prints, and how it ends, in PyTorch and in gradcli."""

from __future__ import annotations

import re
import warnings
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

from gradcli.errors import GradcliError, Source
from gradcli.syntax import parse
from gradcli.trace import Options, Tracer

START = """\
import torch
import torch.nn.functional as F
torch.set_default_dtype(torch.float64)
"""


class Outcome(NamedTuple):
    """What a program prints, and the first sentence of the error that ends it."""

    printed: str
    error: str | None


def in_pytorch(program: str) -> Outcome:
    """Run a program as Python, with the PyTorch that is installed."""
    import torch

    out, error = StringIO(), None
    with warnings.catch_warnings(), redirect_stdout(out):
        warnings.simplefilter("ignore")
        try:
            exec(compile(START + program, "program", "exec"), {})
        except Exception as raised:  # whatever PyTorch raises is what is asked for
            error = first_sentence(str(raised))
        finally:
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
    return Outcome(plainly(out.getvalue()), error)


def in_gradcli(program: str) -> Outcome:
    """Run a program here."""
    tracer: Any = None
    try:
        tracer = Tracer(parse(Source("program", START + program)), Options())
        tracer.run()
        error = None
    except GradcliError as raised:
        error = first_sentence(raised.message)
    return Outcome(plainly("".join(tracer.output) if tracer else ""), error)


def first_sentence(text: str) -> str:
    """Return the first sentence of an error."""
    return re.split(r"\.(?:\s|$)|\n", text.strip())[0]


def plainly(printed: str) -> str:
    """Leave out what no two runs have in common: addresses, and the sign of zero."""
    printed = re.sub(r" object at 0x[0-9a-f]+", " object", printed)
    printed = re.sub(r"-(0\.0*j)", r"+\1", printed)
    return re.sub(r"-(0\.0*)(?![0-9e])", r" \1", printed)
