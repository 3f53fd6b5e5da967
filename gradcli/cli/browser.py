"""A page that was written, shown in the user's browser."""

from __future__ import annotations

from pathlib import Path

from gradcli.cli.output import complain
from gradcli.errors import InputFault, visible


def fresh_page() -> Path:
    """Return where a page goes that nobody named: a new folder for what is temporary."""
    from tempfile import mkdtemp

    return Path(mkdtemp(prefix="gradcli-")) / "graph.html"


def show_page(path: Path) -> None:
    """Open a page in the browser, and say so.

    Raises: InputFault where no browser can be started.
    """
    import webbrowser

    place = path.resolve()
    if not webbrowser.open(place.as_uri()):
        raise InputFault("no browser can be started", hint=f"open {visible(str(place))} in one")
    complain(f"opened in the browser: {visible(str(place))}")
