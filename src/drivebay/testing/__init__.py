"""For tests: fakes of what we do not own, and a World that runs everything. Nothing here runs in production."""
