"""``python -m headrace``: a demo, and a look into files."""

from __future__ import annotations

import argparse
import sys

from . import __version__
from .cli import demo, show


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m headrace",
        description="TFRecord files into NumPy batches.",
    )
    parser.add_argument("--version", action="version", version=f"headrace {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "demo", help="write synthetic data, read it back, check every value, show the speed"
    )
    command.add_argument(
        "--records", type=int, default=100_000, help="how many (default %(default)s)"
    )
    command.add_argument("--shards", type=int, default=4, help="files (default %(default)s)")
    command.add_argument("--batch", type=int, default=256, help="batch size (default %(default)s)")
    command.add_argument("--threads", type=int, help="threads (default: as many as CPUs)")
    command.set_defaults(
        run=lambda args: demo.run(args.records, args.shards, args.batch, args.threads)
    )

    command = commands.add_parser("describe", help="what files hold, and a spec to paste")
    command.add_argument("files", nargs="+", metavar="FILE")
    command.add_argument(
        "--records", type=int, default=1000, help="records to read (default %(default)s)"
    )
    command.set_defaults(run=lambda args: show.describe_files(args.files, args.records))

    args = parser.parse_args(arguments)
    try:
        code: int = args.run(args)
    except (OSError, ValueError) as error:
        print(f"headrace: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
