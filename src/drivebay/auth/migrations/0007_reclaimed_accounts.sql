-- Accounts that went to the owner of their email address, and whose earlier user may still have access to files.

-- A row stays until links and permissions of the earlier user have ended, which the files service does.
CREATE TABLE auth.reclaimed_accounts (
    user_id      uuid        PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE,
    reclaimed_at timestamptz NOT NULL DEFAULT now()
);
