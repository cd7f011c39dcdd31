"""Logs, traces, and the crash points of tests."""
