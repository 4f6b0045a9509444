"""Command line: one command a file, errors of one sentence, exit codes 0 to 3."""

from weft.cli.app import main

__all__ = ["main"]
