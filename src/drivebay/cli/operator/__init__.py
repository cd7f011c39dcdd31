"""The commands of operators: run, check and back up a deployment, and manage its accounts, keys and certificates."""
