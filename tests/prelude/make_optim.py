"""Write what PyTorch's optimisers do: `python -m tests.prelude.make_optim`, with PyTorch on x86."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from tests.prelude.optim_cases import REFUSED, SHOWN, schedules, trainings

PLACE = Path(__file__).parent / "optim.json"


def numbers(values: Any) -> list[str]:
    """Return numbers, and lists and arrays of them, as text that has every bit of them."""
    found: list[str] = []
    for x in values:
        items = x.ravel().tolist() if hasattr(x, "ravel") else [x]
        found += (numbers(items) if len(items) > 1 else [float(items[0]).hex()]) if items else []
    return found


def digest(values: Any) -> str:
    """Return what tells many numbers from others."""
    return sha256(" ".join(numbers(values)).encode()).hexdigest()[:16]


def _run(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope


def _trained(text: str) -> list[str]:
    return numbers(x.detach().numpy() for x in _run(text)["found"])


def _printed(text: str) -> str:
    with redirect_stdout(StringIO()) as out:
        _run(text)
    return out.getvalue()


def _refusal(text: str) -> list[str]:
    try:
        _run(text)
    except (RuntimeError, ValueError, TypeError, KeyError, AssertionError) as error:
        return [type(error).__name__, str(error)]
    raise AssertionError(f"PyTorch takes {text}")


def made() -> dict[str, Any]:
    """Return PyTorch's numbers, texts and refusals of all cases."""
    return {
        "trainings": {key: _trained(text) for key, text in trainings().items()},
        "schedules": {key: digest(_run(text)["found"]) for key, text in schedules().items()},
        "shown": {name: _printed(text) for name, text in SHOWN.items()},
        "refused": {name: _refusal(text) for name, text in REFUSED.items()},
    }


if __name__ == "__main__":
    PLACE.write_text(json.dumps(made(), indent=0) + "\n", "utf-8")
