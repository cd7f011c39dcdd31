"""The change feed over HTTP: long polling and server-sent events."""
