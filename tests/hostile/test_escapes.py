"""Attempts to reach Python from a file, through its functions and its standard library.

Each is refused with an error of the file, in the file's own words: none gives something of Python.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

SETUP = """
import functools, itertools, collections, operator, copy, json, typing, dataclasses, sys, os, abc
def f(x=1):
    return x
class A:
    k = 1
    def m(self): return 1
a = A()
t = tensor([1., 2.], requires_grad=True)
P = collections.namedtuple("P", "x y")
p = P(1, 2)
d = collections.deque([1])
g = functools.partial(f, 1)
m = map(f, [1])
"""

NAMES = (
    "__subclasses__", "__globals__", "__code__", "__dict__", "__closure__", "__builtins__",
    "__mro__", "__init_subclass__", "__reduce__", "__reduce_ex__", "__getattribute__", "__self__",
    "__func__", "__wrapped__.__globals__", "gi_frame", "gi_code", "f_globals", "f_back",
    "__traceback__", "__module__.__loader__", "__loader__", "__spec__", "__import__", "run",
    "classes", "test", "tracer", "graph", "items.gi_frame", "kind", "factory", "fields", "replaced",
)  # fmt: skip
# values of every kind that Python's functions and modules give
VALUES = (
    "f", "g", "m", "d", "t", "p", "P", "int", "type", "len", "print", "lambda: 1", "1", "'a'",
    "[1]", "{}", "None", "...", "iter([1])", "zip([1])", "itertools.count()", "functools.reduce",
    "functools.lru_cache(f)", "operator.itemgetter(0)", "typing.Any", "int | None", "list[int]",
    "collections.Counter('a')", "collections.defaultdict(list)", "collections.OrderedDict()",
    "functools", "sys", "os", "torch", "sys.stdout", "os.environ", "frozenset()", "slice(1)",
    "itertools.chain", "t.grad_fn", "t.shape", "t.dtype", "float64", "NotImplemented",
    "dataclasses.field()", "typing.TypeVar('T')", "itertools.tee([1])[0]", "torch.Tensor",
)  # fmt: skip

ATTEMPTS = (
    # attributes by name
    "getattr(1, '__class__')", "getattr(f, '__globals__')", "getattr(print, '__self__')",
    "getattr(t, '__class__')", "getattr(torch, '__loader__')", "getattr(torch, 'os')",
    "getattr(getattr(f, '__name__'), '__class__')", "getattr(a, '__init__').__globals__",
    "getattr(a.m, '__func__').__globals__", "getattr(A, '__subclasses__')()",
    "getattr(object, '__subclasses__')()", "object.__subclasses__()", "A.__init__.__globals__",
    "setattr(f, '__code__', 1)", "setattr(int, 'x', 1)", "setattr(torch, 'x', 1)",
    "setattr(t, '__class__', int)", "setattr(1, 'x', 2)", "delattr(f, '__name__')",
    "delattr(torch, 'tensor')", "setattr(object, 'x', 1)", "setattr(abc.ABC, 'x', 1)",
    "delattr(object, '__init__')", "vars(int)", "vars(torch)", "vars(f)", "vars(t)",
    "type('X', (object,), {})", "type(f)(1)", "type(type)('X', (), {})", "type(t).__mro__",
    "type(lambda: 1).__globals__", "type(1).__bases__[0].__subclasses__()", "int.mro()",
    "type(torch)('os')", "type(m).__init__", "type(a).__dict__['m'].__globals__",
    "input()", "eval('1')", "exec('1')", "open('x')", "compile('1', '', 'eval')",
    "__import__('os')", "globals()", "breakpoint()", "memoryview('a')", "bytes(1)",
    "bytearray(1)", "__builtins__", "__loader__", "__spec__", "help(f)", "exit.__class__",
    # texts
    "'{0.__class__}'.format(1)", "'{0.__globals__}'.format(f)",
    "'{0.__class__.__mro__[1].__subclasses__}'.format(a)",
    "'{a.m.__func__.__globals__}'.format(a=a)", "'{0[__class__]}'.format(a)",
    "'{x.__class__}'.format_map({'x': 1})", "'{0.run}'.format(f)", "'{0.graph}'.format(t)",
    "'{:{0.__class__}}'.format(1)", "('{0._' + '_class__}').format(1)", "f'{f.__globals__}'",
    "f'{1:{f.__globals__}}'", "str.format('{0.__class__}', 1)",
    "str.format_map('{x.__class__}', {'x': 1})", "getattr('{0.__class__}', 'format')(1)",
    "operator.methodcaller('format', 1)('{0.__class__}')",
    "list(map('{0.__class__}'.format, [1]))", "functools.partial('{0.__class__}'.format, 1)()",
    "'%(a.b)s' % {'a': 1}", "'a'.encode()", "format(1, '{0.__class__}')", "format(f, 'x')",
    "'{' + '0.__class__}' % 1", "'{0.__class__!r}'.format(t)", "'{0.real.__class__}'.format(1j)",
    # operator, functools, itertools
    "operator.attrgetter('__class__')(1)", "operator.attrgetter('__globals__')(f)",
    "operator.attrgetter('m.__func__.__globals__')(a)", "operator.attrgetter('a' + '.a' * 99)(1)",
    "operator.methodcaller('__reduce__')(d)", "operator.methodcaller('__class__')(1)",
    "operator.itemgetter('__class__')(a)", "operator.getitem(torch, 'os')",
    "list(map(operator.attrgetter('__class__'), [1]))", "sorted([1], key=operator.attrgetter('x'))",
    "functools.partial(f).func.__globals__", "functools.partial(f).__reduce__()",
    "functools.partial(getattr, 1)('__class__')", "functools.reduce(getattr, ['__class__'], 1)",
    "functools.reduce(getattr, ['m', '__func__', '__globals__'], a)", "functools.wraps.__globals__",
    "functools.wraps(f)(lambda: 1).__wrapped__", "functools.lru_cache(f).__wrapped__.__globals__",
    "functools.cached_property(f).func", "functools.total_ordering(int)",
    "functools.cmp_to_key(f)(1).obj", "list(itertools.starmap(getattr, [(1, '__class__')]))",
    "list(map(getattr, [1], ['__class__']))", "itertools.count().__reduce__()",
    "itertools.chain.__init__", "itertools.tee([1])[0].__copy__()",
    # containers and copies
    "d.__init__([2])", "d.__reduce__()", "d.__class__", "collections.deque.__init__",
    "collections.namedtuple('X; import os', 'a')", "collections.namedtuple('X', 'a b=1')",
    "collections.namedtuple('X', '__class__')", "collections.namedtuple('X', ['a', 'a'])",
    "collections.namedtuple('class', 'a')", "collections.namedtuple('X', 'def')",
    "collections.namedtuple('X', '_fields')", "p.__class__", "p.__getnewargs__()", "P.__new__",
    "P._make.__globals__", "p._replace(__class__=1)",
    "collections.defaultdict(list).default_factory.x",
    "collections.defaultdict(1)", "copy.copy(a).__reduce__()", "copy.deepcopy(f).__globals__",
    "copy.copyreg", "copy.deepcopy(d, {})", "copy.dispatch_table", "copy.Error",
    "json.dumps(f)", "json.dumps(1, cls=int)", "json.loads('1', object_hook=f)", "json.decoder",
    "json.dumps(a, default=lambda x: x.__class__)", "dataclasses.make_dataclass('X', ['a'])",
    "dataclasses.dataclass(int)", "dataclasses.sys", "dataclasses.fields(int)",
    # modules
    "sys.modules", "sys._getframe()", "sys.exc_info()", "sys.settrace(f)", "os.system('ls')",
    "os.path.join('a', 'b')", "os.environ['HOME']", "os.environ.copy()", "os.listdir('.')",
    "os.environ.get.__globals__", "sys.stdout.buffer", "sys.stdout.write.__self__", "sys.stdin",
    "sys.path", "functools.sys", "collections.sys", "collections.abc.sys", "typing.sys",
    "typing.get_type_hints(f)", "typing.ForwardRef('x')", "typing.NamedTuple.__new__",
    "typing.Any.__origin__.__class__", "list[int].__origin__.__subclasses__()",
    "(int | None).__args__[0].__subclasses__()", "abc.ABCMeta", "abc.ABC.__subclasses__()",
    # iterators
    "m.__next__.__self__", "m.items", "m.tracer", "iter([1]).__reduce__()", "next(f)", "next([1])",
    "iter(f)", "iter(1)", "zip([1]).__class__", "enumerate([1]).__reduce__()",
    "dir(t)", "dir(torch)", "(x for x in [1]).gi_frame", "(x for x in [1]).gi_frame.f_globals",
)  # fmt: skip

IMPORTS = (
    "import subprocess; subprocess.run(['ls'])", "from os import system",
    "import os as o; o.popen('x')",
    "from sys import modules", "from builtins import eval", "import builtins; builtins.eval('1')",
    "import importlib; importlib.import_module('os')", "from importlib import import_module",
    "import ctypes; ctypes.CDLL(None)", "import socket; socket.socket()",
    "from functools import sys",
    "from collections import _sys", "import inspect; inspect.currentframe()",
    "import types; types.CodeType",
    "from types import FunctionType; FunctionType(1, {})", "from functools import *; sys",
    "import a.b.c",
    "from . import os", "import pathlib; pathlib.Path('x')", "import posix; posix.system('ls')",
    "import typing; typing.io", "import os.path; os.path.exists('x')", "from os.path import join",
    "import code; code.interact()", "import pty; pty.spawn('sh')",
    "import marshal; marshal.loads('')",
)  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_is_refused(attempt: str) -> None:
    said = outcome(f"{SETUP}x = ({attempt},)\nprint(x)\n")
    assert "cannot be computed with these values" not in said


def outcome(text: str) -> str:
    """Return why a file is refused, or that what it prints was passed over: nothing is behind it.

    Paths are joined as texts, and name no file.
    """
    try:
        printed = "\n".join(loads(text).printed)
    except GradcliError as error:
        return error.message
    harmless = "passed over" in printed or printed in ("('a/b',)", "`join`")
    assert harmless, printed
    return printed


@pytest.mark.parametrize("name", NAMES)
def test_no_value_has_an_attribute_of_pythons(name: str) -> None:
    for value in VALUES:
        for text in (f"({value}).{name}", f"getattr({value}, '{name}')"):
            if "." in name and text.startswith("getattr"):
                continue
            outcome(f"import torch\n{SETUP}x = ({text},)\nprint(x)\n")


@pytest.mark.parametrize("line", IMPORTS)
def test_an_import_reaches_nothing(line: str) -> None:
    *imports, last = line.split("; ")
    if not last.startswith(("import", "from")):
        outcome("\n".join([*imports, f"print({last})"]))
        return
    with suppress(GradcliError):
        name = last.rpartition(" ")[2]
        outcome(f"{line}\nprint({name})")


def test_what_one_run_changes_no_other_run_sees() -> None:
    loads("import sys\nsys.argv.append('x')\nprint(sys.argv)")
    assert loads("import sys\nprint(sys.argv)").printed == ("[]",)
