"""Contracts across processes, without a line for any one of them: `local`, `rpc` and what both go through."""
