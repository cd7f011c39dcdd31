"""The soak test: simulated users and faults on a real deployment, then a check that nothing was lost.

- `run` runs one soak, and `report` prints its result.
- `deployment` starts six services and three servers, with a proxy on every connection.
- `steps` chooses what a `simulated_user` does next. `single_put_uploads`, `multipart_uploads`, `tus_uploads`,
  `file_steps` and `foreign_access` do it.
- `faults` kills, freezes and disconnects.
- `ledger` records on disk what users intend and what they were promised.
- `oracle` compares the ledger with what exists at the end.
"""
