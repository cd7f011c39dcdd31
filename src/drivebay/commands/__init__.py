"""The user's commands, on the SDK and nothing else of Drivebay.

Standard output has the answer and nothing else. What else is to be said goes to standard error; how it went is the
exit status (`exits.py`).
"""
