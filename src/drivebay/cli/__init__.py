"""The `drivebay` command. `main` is the entry point, `user` contains the commands of users, `operator` those of
operators."""
