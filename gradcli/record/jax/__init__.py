"""The recorder of JAX: a function's jaxpr as a record, each row tried before it stands."""

from __future__ import annotations

from gradcli.record.jax.call import listed, record_jax

__all__ = ["listed", "record_jax"]
