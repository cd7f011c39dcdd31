"""Support for tests: shared servers, a World that runs Drivebay, fakes, a faulty proxy. Not used in production."""
