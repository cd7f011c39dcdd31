"""The commands of operators: run the services, check a deployment, manage keys and certificates."""
