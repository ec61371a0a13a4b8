"""The command `ringfence`, also `python -m ringfence_server`.

A client waits for `serve` and scripts ask for `--version`, so neither loads the command line.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run what the arguments say; the exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from ringfence import __version__

        print(f"ringfence {__version__}")
        return 0
    if not arguments and not _is_person_at_stdin():
        arguments = ["serve"]  # what a client starts that was given the bare command
    if arguments[:1] == ["serve"]:
        from ringfence_server.cli.serving import serve

        return serve(arguments[1:])
    from ringfence_server.cli.program import run

    return run(arguments)


def _is_person_at_stdin() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


if __name__ == "__main__":
    sys.exit(main())
