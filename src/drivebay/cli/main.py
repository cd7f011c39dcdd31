"""The entry point of `drivebay`.

This module imports no library and nothing large, so that Ctrl-C is handled before the slow imports begin.
"""

from .interrupts import exit_on_interrupt


def main() -> None:
    """Run the command in the arguments of the process."""
    exit_on_interrupt()
    # Imported after Ctrl-C is handled: importing Typer takes a fifth of a second.
    from .command_table import app

    app()
