"""What PyTorch says of a file in anomaly mode: its errors, and its warnings.

PyTorch runs the file as it stands, as `check --against torch` does. What it says without anomaly
mode, of shapes that do not fit, say, counts too.
"""

from __future__ import annotations

import io
import re
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch

from benchmarks.diagnosers import Said, line_of
from gradcli.against.admitted import admitted, fitted
from gradcli.against.torch_names import OWN_METHODS, bound, names_for
from gradcli.against.torch_numpy import METHODS
from gradcli.diagnose.subject import Subject, examined
from gradcli.errors import GradcliError, Source
from gradcli.session import Request
from gradcli.trace import Options
from gradcli.trace.attributes import ARRAYS

REFUSALS = RuntimeError, ValueError, IndexError, TypeError, AttributeError
FORWARD = re.compile(r'File "(.*)", line (\d+)')  # of the traceback in a warning of anomaly mode
ANOMALY = "Error detected"


def says(source: Source, options: Options) -> list[Said] | None:
    """Return what PyTorch says of a file; None where it cannot be run there."""
    try:
        subject = examined(source, options, Request())
        methods = OWN_METHODS | METHODS if _is_of_arrays(subject) else OWN_METHODS
        tree = fitted(admitted(source), methods, {*options.bindings, *options.wrt})
        scope = {"param": _param, "tensor": torch.tensor} | names_for(subject.session, torch)
        scope |= {name: bound(subject.session, torch, name) for name in options.bindings}
    except GradcliError:
        return None
    code = compile(tree, source.name, "exec", dont_inherit=True)
    warned: list[Said] = []
    try:
        with _running(options), _gathered(source, warned, wanted=not _is_of_arrays(subject)):
            exec(code, scope)
            _backward(subject, scope)
    except REFUSALS as error:
        if any(said.words.startswith(ANOMALY) for said in warned):
            return warned
        # what gradcli computes and PyTorch does not is a limit of how the file is run here
        refused = subject.fault is not None
        return [*warned, Said(str(error), line_of(error, source))] if refused else None
    except (KeyError, NameError, AssertionError):  # what has no name there
        return None
    return warned


def _param(data: Any, dtype: Any = None) -> Any:
    """Return a parameter: the language has a word for it, beside PyTorch's own."""
    return torch.as_tensor(data, dtype=dtype).detach().clone().requires_grad_()


def _is_of_arrays(subject: Subject) -> bool:
    """Say whether a file has another library's words, for which PyTorch's functions stand in."""
    libraries = subject.session.tracer.libraries
    return "torch" not in libraries and not libraries.isdisjoint(ARRAYS)


def _backward(subject: Subject, scope: dict[str, Any]) -> None:
    """Run backward where the file does not."""
    if not subject.session.tracer.passes.made and subject.root is not None:
        scope[subject.graph.notes.names[subject.root]].backward()


@contextmanager
def _running(options: Options) -> Iterator[None]:
    """Let PyTorch run as the file is to be run, in anomaly mode, its prints left out."""
    before = torch.get_default_dtype()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the mode takes time
        mode = torch.autograd.set_detect_anomaly(True)
    torch.set_default_dtype(getattr(torch, options.default_dtype.name))
    try:
        with mode, torch.enable_grad(), redirect_stdout(io.StringIO()):
            yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _gathered(source: Source, found: list[Said], *, wanted: bool) -> Iterator[None]:
    """Gather warnings, each with the line of the file that it names or comes from.

    Those of functions that stand in for the file's are left out, but for those of anomaly mode.
    """

    def show(message: Warning | str, *_: Any) -> None:
        words = str(message)
        if words.startswith(ANOMALY):
            lines = [int(n) for name, n in FORWARD.findall(words) if name == source.name]
            found.append(Said(words, lines[-1] if lines else None))
            return
        stack = traceback.extract_stack()
        places = [k for k, frame in enumerate(stack) if frame.filename == source.name]
        if wanted and places and not any("against" in f.filename for f in stack[places[-1] :]):
            found.append(Said(words, stack[places[-1]].lineno))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
