"""Runs the command line as `python -m drivebay.cli`."""

from .main import main

main()
