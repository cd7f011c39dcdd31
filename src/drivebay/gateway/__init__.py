"""The only HTTP door: it checks tokens itself, calls the contracts and renders JSON. It keeps no state.

`routes.py` is the table of everything there is. A handler parses, calls and renders; rules live in the
services.
"""
