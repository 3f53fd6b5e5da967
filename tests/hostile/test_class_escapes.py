"""Attempts to reach Python by way of classes, objects, exceptions, generators and modules.

Each is refused in the file's own words; and what is built in is the same for every run.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

SETUP = """
import torch
import torch.nn as nn
import functools, dataclasses, abc, collections, copy
class A:
    k = 1
    def __init__(self, n=1): self.n = n
    def m(self): return self.n
    @property
    def p(self): return 1
    @classmethod
    def c(cls): return cls
    @staticmethod
    def s(): return 1
class B(A):
    def m(self): return super().m()
a = A()
b = B()
def g():
    x = yield 1
    yield x
gg = g()
next(gg)
try:
    raise ValueError("x")
except ValueError as err:
    e = err
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        global C
        C = ctx
        ctx.save_for_backward(x)
        return x * 2
    @staticmethod
    def backward(ctx, g): return g * 2
t = torch.ones(2, requires_grad=True)
y = F.apply(t)
net = nn.Linear(2, 2)
opt = torch.optim.SGD(net.parameters(), lr=.1)
handle = net.register_forward_hook(lambda *a: None)
"""
# a line of a file each; `@` begins a decorator of a function
ATTEMPTS = r"""
class X(metaclass=type): pass
class X(A, metaclass=abc.ABCMeta): pass
class X(**{'metaclass': type}): pass
class X(type): pass
class X(type(A)): pass
class X(type(g)): pass
class X(type(torch)): pass
class X(type(print)): pass
class X(a): pass
class X(a.m): pass
class X(None): pass
class X('A'): pass
class X(g): pass
class X(*[int, str]): pass
class X(torch): pass
class X(torch.Tensor): pass
class X(A, A): pass
class X(object, A): pass
a.__class__ = int
A.__class__ = B
A.__bases__ = (B,)
A.__mro__ = ()
object.__setattr__(a, '__class__', type)
a.__dict__ = {}
a.__dict__['m'].__globals__
A.__dict__['m'].__globals__
A.__dict__['__init__']
vars(A)['m'].__globals__
A.m.__globals__
A.m.__code__.co_consts
A.m.__closure__
A.m.__func__
A.m.__self__
a.m.__func__.__globals__
a.m.__func__.__code__
a.m.__func__.__builtins__
a.m.__self__.__class__.__bases__[0].__subclasses__()
a.m.__globals__
a.m.__get__(a)
a.m.__class__
a.m.__call__.__self__
A.c.__self__.__subclasses__()
A.c.__func__.__globals__
A.s.__globals__
A.p.fget.__globals__
A.p.fset.x
A.p.__get__(a)
A.p.fget.__code__
A.p.getter.__self__
property(g).fget.__globals__
property.__init__
A.mro()[-1].__subclasses__()
A.__mro__[1].__subclasses__()
A.__mro__[-1].__reduce__
A.__bases__[0].__init__.__globals__
A.__init_subclass__.__globals__
A.__subclasshook__(int)
A.__subclasses__()
A.__class__.__subclasses__(A)
a.__init__.__globals__
a.__init__.__self__.__class__.__bases__[0].__subclasses__()
a.__reduce__()
a.__reduce_ex__(2)
a.__getstate__()
a.__sizeof__()
a.__weakref__
a.__module__.__class__
a.__doc__.x
super(B, b).__init__.__globals__
super(B, b).__self__
super(B, b).__thisclass__
super(A, b).__subclasses__()
super(1, 2).x
super(B, a).m()
super(int, 1).x
super().x
object.__new__(int)
object.__new__(type)
object.__init__.__globals__
object.__init__.run
object.__setattr__(A, 'k', 2)
object.__setattr__(object, 'x', 2)
object.__setattr__(1, 'x', 2)
object.__setattr__(g, '__code__', 2)
object.__getattribute__(g, '__globals__')
object.__getattribute__(a, '__class__').__subclasses__()
object.__getattribute__(a, 'tracer')
object.__getattribute__(1, '__class__')
object.__getattribute__(net, 'tracer')
object.x = 1
object.__init__ = g
del object.__init__
Exception.x = 1
Exception.__str__ = lambda s: 'x'
BaseException.__new__ = g
del BaseException.__str__
ValueError.args = 1
setattr(KeyError, '__repr__', g)
delattr(BaseException, '__init__')
Exception.__init__(5)
Exception.__new__(int)
Exception.__new__(object)
Exception.__str__(1)
e.__traceback__.tb_frame
e.__traceback__.tb_frame.f_globals
e.__cause__.x
e.__context__.__traceback__
e.__class__.__subclasses__()
e.__reduce__()
e.__setstate__({})
e.args.__class__
e.with_traceback(1).__traceback__.tb_frame
gg.gi_frame.f_globals
gg.gi_code
gg.gi_yieldfrom.x
gg.send.__self__
gg.throw(1)
gg.throw(int)
gg.__next__.__self__
gg.__class__
g.__code__.co_names
g.__globals__['torch']
g.__kwdefaults__
g.__call__.__self__
g.__get__(a)
g.__code__ = A.m
g.__globals__ = {}
match_args = A.__match_args__
int.__subclasses__()
type(1).__mro__[1].__subclasses__()
type(a).__subclasses__()
type(type(a))('X', (), {})
type('X', (A,), {'m': g})
type.__call__(A)
type.mro(A)
C.tracer
C.saved
C.whole
C.needs
type(C).save_for_backward(1)
torch.autograd.Function.apply = g
torch.autograd.Function.x = 1
del torch.autograd.Function.apply
F.apply.__func__.run
F.apply.__self__.__subclasses__()
F.apply.__globals__
F.__dict__
y.grad_fn._saved_self
nn.Module.__subclasses__()
nn.Module.__init__.__globals__
nn.Module.forward.__globals__
nn.Linear.forward.__code__
nn.Linear.__init__.__globals__['torch']
net.forward.__func__.__globals__
net.__dict__['forward'].__globals__
net._simple
nn._Simple
nn._hooks
torch._C
torch.nn.modules.module._global_forward_hooks
torch.nn.__dict__
torch.__dict__
torch.nn.__loader__
torch.os
torch.sys
torch.utils.data._utils
torch.optim._functional
from torch.nn import _Simple
from torch.nn import _hooks
from torch.optim import _step
import torch.nn._Simple
handle._tracer
handle.run
opt.__getstate__()
opt.state.default_factory.__subclasses__()
opt.state.__class__
opt.step.__func__.__globals__
opt.step.__wrapped__
opt.param_groups.__class__
torch.optim.SGD.step.__globals__
f'{a.m.__func__.__globals__}'
f'{a:{a.__class__.__subclasses__}}'
'{0.__class__.__subclasses__}'.format(a)
'{0.m.__func__.__globals__}'.format(a)
'{0.__init__.__globals__}'.format(a)
'{0.__dict__[m]}'.format(A)
'{0.args.__class__}'.format(e)
'{0.gi_frame}'.format(gg)
'{0.fget.__globals__}'.format(A.p)
'{0.__self__.__subclasses__}'.format(a.m)
'{0.tracer}'.format(a)
'{0.state.x}'.format(opt)
format(a, 'x')
copy.copy(a).__reduce__()
copy.deepcopy(a.m).__func__.__globals__
dataclasses.dataclass(object)
dataclasses.dataclass(Exception)
dataclasses.dataclass(torch.autograd.Function)
functools.total_ordering(object)
functools.total_ordering(ValueError)
functools.partial(a.m).func.__globals__
functools.wraps(a.m)(g).__wrapped__.__func__.__globals__
functools.cached_property(g).func.__globals__
functools.singledispatch(g)
abc.ABC.x = 1
del abc.ABC.__new__
abc.ABC.__new__(int)
raise 1
raise int
raise A
raise a
raise ValueError from 1
raise torch
@1 def f(): pass
@torch def f(): pass
""".strip().splitlines()

# what a file tries to leave behind, and what another one then prints
CHANGES = (
    "Exception.__str__ = lambda self: 'changed'",
    "object.__repr__ = lambda self: 'changed'",
    "import dataclasses; dataclasses.dataclass(object)",
    "import dataclasses; dataclasses.dataclass(Exception)",
    "import functools; functools.total_ordering(ValueError)",
    "class A(Exception): pass; A.__str__ = lambda self: 'changed'",
    "import torch; torch.autograd.Function.apply = lambda x: 'changed'",
    "import torch.nn as nn; nn.Module.forward = nn.Module.__call__ = lambda *x: 'changed'",
    "import torch.nn as nn; nn.Linear.__init__ = lambda self, *x: None",
    "import torch.nn as nn; nn.ReLU.forward = lambda self, x: 'changed'; nn.ReLU.extra = 1",
    "import torch.nn as nn; del nn.Linear.forward",
    "import torch; torch.optim.SGD.step = lambda self: 'changed'",
    "import abc; abc.ABC.x = 1",
    "import sys; sys.argv.append('changed'); sys.path = 1",
    "import os; os.environ['A'] = 'changed'",
    "import torch; torch.set_default_dtype(torch.float64); torch.manual_seed(5)",
    "import torch; torch.set_grad_enabled(False); torch.set_printoptions(precision=1)",
    "import torch; torch.autograd.set_detect_anomaly(True); raise ValueError('changed')",
    "e = ValueError('changed'); e.args.append(1)",
    "print.x = len.x = 'changed'",
)
WITNESS = """
import abc, dataclasses, os, sys
import torch
import torch.nn as nn
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, g): return g * 2
x = torch.ones(2, requires_grad=True)
F.apply(x).sum().backward()
class P: pass
class Q(abc.ABC):
    pass
net = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
opt = torch.optim.SGD(net.parameters(), lr=0.1)
net(x).sum().backward()
print(opt.step(), x.grad, str(ValueError("a")), repr(KeyError(1)), P(), P() == P(), Q())
print(sys.argv, os.environ.get("A"), torch.ones(1) / 3, torch.rand(2), hasattr(nn.ReLU, "extra"))
print(net[0].weight, dir(Exception("a")), dir(object()), hasattr(abc.ABC, "x"))
"""


@pytest.mark.parametrize("line", ATTEMPTS)
def test_an_attempt_by_way_of_classes_is_refused(line: str) -> None:
    line = line.replace(" def f", "\ndef f") if line.startswith("@") else line
    with pytest.raises(GradcliError) as refused:
        loads(f"{SETUP}{line}\n")
    assert "cannot be computed with these values" not in refused.value.message
    assert refused.value.span is not None
    assert refused.value.source is not None
    assert refused.value.source.line_of(refused.value.span) > SETUP.count("\n")


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_file_changes_of_what_is_built_in_no_other_sees(change: str) -> None:
    before = loads(WITNESS).printed
    with suppress(GradcliError):
        loads(change.replace("; ", "\n"))
    assert loads(WITNESS).printed == before


def test_no_text_of_a_built_in_value_has_an_address_or_a_name_of_gradclis() -> None:
    values = "a.m, A.c, A.s, A.p, super(B, b), object.__init__, Exception.__new__, a, A, object"
    values += ", gg, e, F.apply, net.forward, opt.step, handle, property(g), staticmethod(g)"
    (shown,) = loads(f"{SETUP}print([{values}])\n").printed
    assert "0x" not in shown
    assert "gradcli" not in shown
    assert "Native" not in shown
    assert "run=" not in shown
