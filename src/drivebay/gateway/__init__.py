"""The service that serves the HTTP API: it verifies access tokens, calls the contracts and renders JSON. It stores no
data.

`routes.py` is the table of all routes. A handler parses, calls a service and encodes the result. The rules are in the
services.
"""
