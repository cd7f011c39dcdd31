"""The user's commands. They use only the SDK of Drivebay.

Standard output contains the result only. Progress, notes and errors go to standard error. The exit status shows how the
command ended (`exit_codes.py`).
"""
