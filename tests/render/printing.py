"""A console of any width and encoding, read back as text."""

import io

from rich.console import Console, RenderableType


def printed(
    renderable: RenderableType, width: int = 80, *, encoding: str = "utf-8", color: bool = False
) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    console = Console(
        file=file,
        width=width,
        force_terminal=color,
        color_system="truecolor" if color else None,
        legacy_windows=False,
        _environ={},
    )
    console.print(renderable, crop=False)
    file.flush()
    file.seek(0)
    # what a terminal does not show is no part of the comparison
    return "".join(line.rstrip() + "\n" for line in file.read().splitlines())
