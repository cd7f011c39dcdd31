-- Jobs: copies of large folders, which a worker runs in steps. Until a copy is complete its entries are hidden: they are in
-- the trash with the job as `trashed_with`, which is no entry, and never expire. So they count as entries and bytes, and no
-- statement of the previous release shows them.
CREATE TABLE files.jobs (
    owner_id     uuid        NOT NULL,
    id           uuid        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('copy')),
    status       text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'failed', 'cancelled')),
    created_by   uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),  -- also the `trashed_at` of its hidden entries
    ended_at     timestamptz,
    source_id    uuid        NOT NULL,
    parent_id    uuid        NOT NULL,                -- where the copy goes
    name         text,                                -- of the copy; null: that of the source
    on_conflict  text        NOT NULL,
    done         bigint      NOT NULL DEFAULT 0,      -- the number of hidden entries while the job runs
    total        bigint      NOT NULL,
    folder_count bigint      NOT NULL DEFAULT 0,      -- the rows that it has inserted into job_folders
    is_measured  bool        NOT NULL DEFAULT false,  -- `total` is the size of the tree when the job began
    is_settled   bool        NOT NULL DEFAULT false,  -- ended, without hidden entries and rows in job_folders
    result       bytea,                               -- the copy (MessagePack)
    error_code   text,
    error_detail text,
    attempts     int         NOT NULL DEFAULT 0,      -- claims since the last step that succeeded
    due_at       timestamptz NOT NULL DEFAULT now(),
    lease        uuid,
    leased_until timestamptz,
    PRIMARY KEY (owner_id, id),
    CHECK ((status = 'running') = (ended_at IS NULL) AND NOT (is_settled AND status = 'running'))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX jobs_of_creator ON files.jobs (created_by, id);
CREATE INDEX jobs_due ON files.jobs (due_at) WHERE NOT is_settled;
CREATE INDEX jobs_unsettled ON files.jobs (owner_id) WHERE NOT is_settled;
CREATE INDEX jobs_by_end ON files.jobs (ended_at) WHERE is_settled;

-- The folders that a job has copied, in an order in which each comes before those in it. What is in a folder is copied in
-- the order of the names.
CREATE TABLE files.job_folders (
    owner_id  uuid   NOT NULL,
    job_id    uuid   NOT NULL,
    ordinal   bigint NOT NULL,
    folder_id uuid   NOT NULL,
    copy_id   uuid   NOT NULL,
    depth     int    NOT NULL,                             -- 1: the copied folder itself
    after     text   COLLATE "C" NOT NULL DEFAULT '',      -- the last name in the folder that is copied
    is_done   bool   NOT NULL DEFAULT false,
    PRIMARY KEY (owner_id, job_id, ordinal),
    FOREIGN KEY (owner_id, job_id) REFERENCES files.jobs (owner_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX job_folders_open ON files.job_folders (owner_id, job_id, ordinal) WHERE NOT is_done;
