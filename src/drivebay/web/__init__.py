"""The web app: static files that the gateway serves, and their content security policy."""
