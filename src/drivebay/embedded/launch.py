"""The last step before a server's own program: `python -I -S launch.py <plan as JSON>` becomes that program.

It runs between fork and exec, but in a fresh interpreter: a function run in the fork of a process that has
threads (gRPC has many) may hang on a lock that nobody will ever release. It imports nothing of Drivebay.

Three things are settled here. The server gets a process group of its own, so that Ctrl-C reaches only us and
we stop the servers in order. It gives up root where the plan says so. And the kernel is asked to signal it
when we die, so that nothing is left behind even after `kill -9`.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *padded) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl {option}: {os.strerror(error)}")


def _become(uid: int, gid: int, pass_walls: bool) -> None:
    """Give up root for good. With `pass_walls` keep one right: to pass folders closed to this user.

    Programs and data may lie below a folder such as /root that only root may enter; opening it to others
    is not ours to do. The right is an ambient capability (capabilities(7)), which survives exec.
    """
    if pass_walls:
        _prctl(_PR_SET_KEEPCAPS, 1)
        # access(2) leaves capabilities of a user other than root out of account, unless this is set, and by
        # access(2) initdb looks for its programs. A root without CAP_SETPCAP may not set it: he gets as far as before.
        with suppress(PermissionError):
            _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if pass_walls:
        only = 1 << _CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
        # capget(2): effective, permitted, inheritable; twice, for the low and the high 32 capabilities.
        sets = (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)
        if _libc.capset(header, sets) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"capset: {os.strerror(error)}")
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def main(plan_text: str) -> None:
    plan = json.loads(plan_text)
    os.setpgid(0, 0)
    os.umask(0o077)
    if plan["uid"] is not None:
        _become(plan["uid"], plan["gid"], plan["pass_walls"])
    # After the change of user, which would clear it.
    _prctl(_PR_SET_PDEATHSIG, plan["orphaned"])
    if os.getppid() != plan["parent"]:
        sys.exit("the process that started this server is gone")
    # Python ignores these two; what is ignored stays so across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    command = plan["command"]
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
