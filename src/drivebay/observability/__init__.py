"""Logs, traces, metrics, and the crash points of tests."""
