"""The `drivebay` command. `main` is the entry point. `user` contains the commands of users, and `operator` the commands
of operators."""
