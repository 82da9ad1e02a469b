"""Tables and progress: by rich if it is installed, else in plain lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..describe import describe
from ..errors import Error


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table."""
    rows = list(rows)
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        print(title)
        for row in [head, *rows]:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print(("  " + "  ".join(cells)).rstrip())
        return
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for name in head:
        drawn.add_column(name, overflow="fold")
    for row in rows:
        drawn.add_row(*(cell.replace("[", r"\[") for cell in row))
    Console().print(drawn)


def progress(elements: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """The same elements, with a bar on a terminal and one line elsewhere."""
    try:
        from rich.console import Console
        from rich.progress import track
    except ImportError:
        print(f"{what} ...", flush=True)
        yield from elements
        return
    console = Console()
    if console.is_terminal:
        yield from track(elements, what, total=total, console=console)
    else:
        print(f"{what} ...", flush=True)
        yield from elements


def describe_files(paths: list[str], records: int) -> int:
    """The command ``describe``."""
    try:
        description = describe(paths, records)
    except Error as error:
        print(f"headrace: {error}", file=sys.stderr)
        return 1
    print(description)
    return 0
