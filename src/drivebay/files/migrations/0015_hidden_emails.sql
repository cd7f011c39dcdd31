-- Whether the drive shows the email address of a user to whom something in it was given.

-- True: the user was named by the id alone, which presigned URLs contain, by somebody without a tie to the user.
ALTER TABLE files.members ADD COLUMN hides_email boolean NOT NULL DEFAULT false;
ALTER TABLE files.permissions ADD COLUMN hides_email boolean NOT NULL DEFAULT false;
