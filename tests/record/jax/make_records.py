"""Write the stored records anew, with JAX: `python -m tests.record.jax.make_records [NAME…]`."""

from __future__ import annotations

import sys
from pathlib import Path

from gradcli.record.files import write
from gradcli.record.jax import listed
from tests.record.jax.programs import PROGRAMS

RECORDS = Path(__file__).parent / "records"

if __name__ == "__main__":
    for name in sys.argv[1:] or PROGRAMS:
        program = PROGRAMS[name]
        listing = listed(program.function, program.args, {})
        write(listing, RECORDS / name)
        print(name, *listing.title[1:], *(row.text for row in listing.opaque))
