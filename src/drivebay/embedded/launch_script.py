"""The script that replaces itself with a server program: `python -I -S launch_script.py <plan as JSON>`.

It prepares the process and then calls exec. A function that runs between fork and exec could do the same, but in a
process with threads (gRPC has many) the child can deadlock on a lock that another thread of the parent held during
fork (`preexec_fn` has this problem). The script imports nothing of Drivebay.

The server gets a process group of its own, so that Ctrl-C reaches only Drivebay, which stops its servers in order.
Signals get their default actions. If the plan has a user, the script gives up root privileges. New files are readable
only by the server's user. The kernel sends the server a signal when Drivebay ends, so that no server remains even
after `kill -9`.
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
# Python ignores the first two signals. A shell ignores the other two in a background job. They would still be ignored
# after exec.
_RESET_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT)

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *padded) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl {option}: {os.strerror(error)}")


def _drop_root(uid: int, gid: int, bypass_permissions: bool) -> None:
    """Become another user permanently.

    With `bypass_permissions` keep CAP_DAC_OVERRIDE, which bypasses all file permission checks. It is needed to enter
    folders that only root may enter, such as /root: programs and data may be below them.
    Drivebay must not open that folder to others. The capability is ambient (capabilities(7)), so it survives exec.
    """
    if bypass_permissions:
        _prctl(_PR_SET_KEEPCAPS, 1)
        # initdb looks for its programs with access(2), which ignores the capabilities of a user other than root
        # unless this bit is set. If root lacks CAP_SETPCAP, the bit cannot be set, and the start continues.
        with suppress(PermissionError):
            _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if bypass_permissions:
        dac_override = 1 << _CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
        # capset(2): effective, permitted, inheritable, for the low and then for the high 32 capabilities.
        sets = (ctypes.c_uint32 * 6)(dac_override, dac_override, dac_override, 0, 0, 0)
        if _libc.capset(header, sets) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"capset: {os.strerror(error)}")
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def main(plan_text: str) -> None:
    plan = json.loads(plan_text)
    os.setpgid(0, 0)
    os.umask(0o077)
    if plan["uid"] is not None:
        _drop_root(plan["uid"], plan["gid"], plan["bypass_permissions"])
    # Set the signal after the change of user, because the change clears it.
    _prctl(_PR_SET_PDEATHSIG, plan["parent_death_signal"])
    if os.getppid() != plan["parent"]:
        sys.exit("the process that started this server has ended")
    for number in _RESET_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    command = plan["command"]
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
