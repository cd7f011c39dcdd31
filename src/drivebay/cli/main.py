"""The entry point of `drivebay`.

This module imports no library and nothing large, so that Ctrl-C is handled before the slow imports begin.
"""

import errno
import os

from .interrupts import exit_on_interrupt


def main() -> None:
    """Run the command in the arguments of the process."""
    exit_on_interrupt()
    # Import Typer only after Ctrl-C is handled, because the import takes a fifth of a second.
    from .command_table import app

    try:
        app()
    except OSError as error:  # while help or the version is printed: commands handle their own errors
        if error.errno != errno.ENOSPC:
            raise
        os.write(2, f"drivebay: cannot write to standard output: {error.strerror}\n".encode())
        os._exit(1)  # a normal exit would write the rest of the output again, and print another error
