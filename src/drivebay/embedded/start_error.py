"""The error of an embedded server that cannot start."""

from ..errors import StartError


class ServerStartError(StartError):
    """An embedded server cannot start. The message says why, and quotes the end of the server's log if there is one."""
