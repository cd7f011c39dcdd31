"""The soak test: simulated users and faults on a real deployment, then a check that nothing was lost.

- `run` runs one soak, and `report` prints its result.
- `deployment` is what users and the oracle see. `six_processes` starts six services, the worker and three servers,
  with a proxy on every connection. `cluster` starts clusters of servers and several processes of each service.
- `steps` chooses what a `simulated_user` does next. `single_put_uploads`, `multipart_uploads`, `tus_uploads`,
  `file_steps`, `copy_steps`, `account_steps` and `foreign_access` do it in its personal drive. `link_steps`,
  `sharing_steps`, `version_steps` and `job_steps` do it in its two `shared_drives`.
- `faults` injects random faults. `six_process_faults`, `cluster_faults`, `connection_faults` and `data_faults` are what
  it may inject: kills, freezes, disconnects, and changes of events, leases and objects.
- `ledger` records on disk what users intend and what they were promised.
- `oracle` compares the ledger with what exists at the end, and `shared_drive_oracle` does so for shared drives.
"""
