-- Copies into other drives. The store copies the bytes, and a job does it file by file. The job and the hidden entries belong
-- to the drive that gets the copy.

-- The upload of an object is recorded before the store copies it, so the janitor knows each object. While it is `copying` its
-- bytes are reserved, and only its job changes it. All rows satisfy the new condition, so they are not checked again.
ALTER TABLE files.uploads
    DROP CONSTRAINT uploads_state_check,
    ADD CONSTRAINT uploads_state_check
    CHECK (state IN ('pending', 'copying', 'complete', 'rejected', 'expired', 'aborted')) NOT VALID;

ALTER TABLE files.jobs
    ADD COLUMN source_drive_id uuid,                        -- null: the job copies inside its drive
    ADD COLUMN done_bytes      bigint NOT NULL DEFAULT 0,
    ADD COLUMN total_bytes     bigint NOT NULL DEFAULT 0,
    ADD COLUMN steps           bigint NOT NULL DEFAULT 0;   -- that have succeeded

-- The objects that the store copies next. The upload has the name, the folder, the type and the size of the copy.
CREATE TABLE files.job_objects (
    owner_id     uuid   NOT NULL,
    job_id       uuid   NOT NULL,
    upload_id    uuid   NOT NULL,
    file_id      uuid   NOT NULL,                           -- of the copy
    source_key   text   NOT NULL,
    source_etag  text   NOT NULL,
    properties   jsonb,
    part_size    bigint,
    parts_sha256 bytea,
    crc32        bigint,
    PRIMARY KEY (owner_id, job_id, upload_id),
    FOREIGN KEY (owner_id, job_id) REFERENCES files.jobs (owner_id, id) ON DELETE CASCADE
);
