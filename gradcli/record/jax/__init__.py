"""The recorder of JAX: a function's jaxpr as a record, each row tried against JAX before it stands."""

from __future__ import annotations

from gradcli.record.jax.call import LIMIT, listed, record_jax

__all__ = ["LIMIT", "listed", "record_jax"]
