"""Mutation tests for guards: each guard of Drivebay is broken in turn, and a test must fail.

`guards/*.toml` are the tables of guards, one for each area. The sources mark each guard with `guard: name`. `mutate`
breaks a marked line, `table` makes copies of the sources with one guard broken, `run` tests each copy, and `witness`
checks inside a test run that the copy is what is tested.
"""
