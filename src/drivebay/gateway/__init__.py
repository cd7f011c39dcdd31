"""The only HTTP entry: it verifies access tokens, calls the contracts and renders JSON. It keeps no state.

`routes.py` is the table of all routes. A handler parses, calls a service and encodes the result. The rules are in the
services.
"""
