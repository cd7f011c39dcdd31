-- Where a version's object is, if not at its upload's key: a copy that was made when it was accepted, in a
-- store that would let the upload's key be written again.
ALTER TABLE files.versions ADD COLUMN key text;
