"""The soak test: simulated users and faults on a real deployment, then a check that nothing was lost.

- `run` runs one soak, and `report` prints its result.
- `deployment` is what users and the oracle see. `six_processes` starts six services and three servers, with a proxy on
  every connection. `cluster` starts clusters of servers and several processes of each service.
- `steps` chooses what a `simulated_user` does next. `single_put_uploads`, `multipart_uploads`, `tus_uploads`,
  `file_steps` and `foreign_access` do it.
- `faults` injects random faults. `six_process_faults`, `cluster_faults`, `connection_faults` and `data_faults` are what
  it may inject: kills, freezes, disconnects, and changes of events, leases and objects.
- `ledger` records on disk what users intend and what they were promised.
- `oracle` compares the ledger with what exists at the end.
"""
