"""Where JAX and gradcli differ, over every call of the table's examples.

    python -m benchmarks.against_jax [--every N] [--dtype float64,float32]

Each call at a point of its domain: its value and its gradient in JAX, as `check --against jax`
compares them. What differs and is not in tests/against/jax_differences.txt is shown, as is what is
there and agrees; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.against.test_against_jax import KNOWN, findings, names
from tests.verify.rules import all_cases


def main() -> int:
    """Compare the calls, and count them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--dtype", default="float64")
    options = parser.parse_args()
    cases = {str(case): case for case in all_cases()}
    start, unforeseen = time.monotonic(), 0
    for dtype in options.dtype.split(","):
        for name in names()[:: options.every]:
            found = list(findings(cases[name], dtype))
            if bool(found) != (name in KNOWN):
                unforeseen += 1
                print(f"{name} on {dtype}: {'; '.join(found) or 'agrees'}")
    print(f"{unforeseen} unforeseen, {time.monotonic() - start:.0f} s")
    return int(unforeseen > 0)


if __name__ == "__main__":
    sys.exit(main())
