"""Program to graph."""

from gradcli.trace.interpreter import Binding, Options, Tracer

__all__ = ["Binding", "Options", "Tracer"]
