"""The check of the check: each guard of Drivebay is broken in turn, and some test must notice.

`guards.toml` is the table: what is broken, how, and who must notice. `table` reads it and makes patched
copies of the sources, `witness` sits in each test run and sees to it that the copy is what was tested,
`run` does one guard after another.
"""
