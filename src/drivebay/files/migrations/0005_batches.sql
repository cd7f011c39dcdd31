-- What a call that began several uploads answered: for each its id, or why there is none (MessagePack).
ALTER TABLE files.idempotency ADD COLUMN answers bytea;
