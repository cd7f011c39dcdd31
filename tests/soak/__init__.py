"""The soak: many users, real processes, and everything that can break breaking all the time.

`user` says what people do, `faults` what happens to them, `ledger` what they know for certain, `oracle`
what must be true at the end, `arena` where it takes place.
"""
