-- Uploads whose bytes come through us: of some nobody knows the length before they end, and what their client said of
-- them is told again just as it was.
ALTER TABLE files.uploads
    ADD COLUMN deferred bool NOT NULL DEFAULT false,  -- `size` is what has come, and grows
    ADD COLUMN note     text;
