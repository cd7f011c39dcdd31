-- expand: only what the planner assumes.
-- The planner takes the average number of rows of an owner for each owner. Where most drives are nearly empty, that is one row.
-- Then it may read all rows of an owner through a narrow index to find one id, which is slow in a large drive. With these
-- settings it assumes 100 rows, from the next ANALYZE on, which autovacuum runs.
ALTER TABLE files.entries ALTER COLUMN owner_id SET (n_distinct = -0.01);
ALTER TABLE files.uploads ALTER COLUMN owner_id SET (n_distinct = -0.01);
ALTER TABLE files.versions ALTER COLUMN owner_id SET (n_distinct = -0.01);
ALTER TABLE files.changes ALTER COLUMN owner_id SET (n_distinct = -0.01);
ALTER TABLE files.jobs ALTER COLUMN owner_id SET (n_distinct = -0.01);
