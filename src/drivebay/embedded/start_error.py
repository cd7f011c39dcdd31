"""The error of an embedded server that cannot start."""

from ..errors import StartError


class ServerStartError(StartError):
    """An embedded server cannot start. The message names the server and quotes the end of its log."""
