"""Python's exceptions as classes of a file, and the errors of a run as their objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, GradcliError
from gradcli.trace.classes import OBJECT, Args, Instance, Keywords, Native, UserClass, make
from gradcli.trace.faults import PARENTS, Raised, class_of
from gradcli.trace.sentences import class_name, fault

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


_MODULES = {"_LinAlgError": "torch._C.", "GradcheckError": "torch.autograd.gradcheck."}


class BuiltInClass(UserClass):
    """A class that is built in: it prints as Python's does."""

    def __repr__(self) -> str:
        module = _MODULES.get(self.name, "")
        return f"<class '{module}{self.name}'>"


def _new(tracer: Tracer, cls: Any, args: Args, keywords: Keywords) -> Instance:
    """`BaseException.__new__`: an exception has the arguments that it was made with."""
    if not is_exception(cls):
        raise fault(TypeError(f"{cls.name} is no class of exceptions"))
    tracer.graph.charge(200, "an object")
    made = Instance(tracer, cls)
    made.attributes["args"] = args
    return made


def _init(tracer: Tracer, owner: Instance, args: Args, keywords: Keywords) -> None:
    if keywords:
        raise ArgumentFault(f"{owner.cls.name}() takes no keyword arguments")
    owner.attributes["args"] = args
    if owner.cls.is_a(EXCEPTIONS["StopIteration"]):
        owner.attributes["value"] = args[0] if args else None


def _str(tracer: Tracer, owner: Instance, args: Args, keywords: Keywords) -> str:
    given = owner.attributes.get("args", ())
    if not isinstance(given, tuple) or len(given) > 1:
        return tracer.text(given)
    quoted = owner.cls.is_a(EXCEPTIONS["KeyError"])
    return tracer.text(given[0], quoted=quoted) if given else ""


def _repr(tracer: Tracer, owner: Instance, args: Args, keywords: Keywords) -> str:
    given = tracer.text(owner.attributes.get("args", ()))
    return owner.cls.name + (given[:-2] + ")" if given.endswith(",)") else given)


def _with_traceback(tracer: Tracer, owner: Instance, args: Args, keywords: Keywords) -> Instance:
    return owner


def _add_note(tracer: Tracer, owner: Instance, args: Args, keywords: Keywords) -> None:
    notes = owner.attributes.setdefault("__notes__", [])
    if not isinstance(notes, list):
        raise fault(TypeError("Cannot add note: __notes__ is not a list"))
    notes.extend(args)


_METHODS = {"__new__": _new, "__init__": _init, "__str__": _str, "__repr__": _repr,
            "with_traceback": _with_traceback, "add_note": _add_note}  # fmt: skip
_NONE = dict.fromkeys(("__cause__", "__context__", "__traceback__"))

# the classes, by their names
EXCEPTIONS: dict[str, UserClass] = {
    "BaseException": BuiltInClass(
        "BaseException", (OBJECT,),
        {**_NONE, **{name: Native(name, run) for name, run in _METHODS.items()}},
        is_built_in=True,
    )
}  # fmt: skip
for _name, _parent in PARENTS.items():
    EXCEPTIONS[_name] = BuiltInClass(_name, (EXCEPTIONS[_parent],), {}, is_built_in=True)


def is_exception(value: Any) -> bool:
    """Say whether a value is a class of exceptions."""
    return isinstance(value, UserClass) and value.is_a(EXCEPTIONS["BaseException"])


def raised(tracer: Tracer, value: Any, cause: Any = None) -> Raised:
    """Return what `raise value from cause` raises.

    Raises: ArgumentFault, with Python's sentence, where the value is no exception.
    """
    if is_exception(value):
        value = make(tracer, value, (), {})
    if not isinstance(value, Instance) or not is_exception(value.cls):
        raise fault(TypeError("exceptions must derive from BaseException"))
    if cause is not None:
        try:
            value.attributes["__cause__"] = raised(tracer, cause).value
        except ArgumentFault as error:
            text = "exception causes must derive from BaseException"
            raise fault(TypeError(text)) from error
    names = tuple(cls.name for cls in value.cls.order if isinstance(cls, BuiltInClass))
    return Raised(value, names, tracer.graph.span)


def object_of(tracer: Tracer, error: GradcliError) -> Instance:
    """Return the exception that an error is for the file that catches it."""
    if isinstance(error, Raised):
        value: Instance = error.value
        return value
    args = (error.message,) if error.given is None else error.given
    made: Instance = make(tracer, EXCEPTIONS[class_of(error)], args, {})
    return made


def catches(tracer: Tracer, kind: Any, cls: UserClass) -> bool:
    """Say whether `except kind` catches exceptions of a class.

    Raises: ArgumentFault, with Python's sentence, where it is no class of exceptions.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not all(map(is_exception, kinds)):
        text = "catching classes that do not inherit from BaseException is not allowed"
        raise fault(TypeError(text))
    return any(map(cls.is_a, kinds))


def report(tracer: Tracer, error: Raised) -> str:
    """Return what is said of an exception that nothing has caught: its class and its text."""
    try:
        text = tracer.text(error.value)
    except GradcliError as other:
        text = f"<{class_name(error.value)}: its text cannot be made: {other.message}>"
    name: str = error.value.cls.name
    return f"{name}: {text}" if text else name
