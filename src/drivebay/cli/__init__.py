"""The `drivebay` command. `main` is the entry point, `user` and `operator` hold the commands for each group."""
