-- Search over names. PostgreSQL needs no extension for it: docs/decisions/0050-search-by-hashed-pairs.md.

-- The form in which names are compared: without case and accents, and with compatibility characters as their usual ones.
-- At most 255 characters, so that a row of the index `search_names_by_name` is never too large.
DO $migration$
DECLARE
    -- The collation decides which letters `lower` knows. The collation of the database may know only ASCII.
    rules text := CASE
        WHEN EXISTS (SELECT FROM pg_collation WHERE collname = 'pg_c_utf8') THEN 'pg_catalog.pg_c_utf8'
        WHEN EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu') THEN 'pg_catalog."und-x-icu"'
        ELSE 'pg_catalog."default"' END;
    folded text := CASE current_setting('server_encoding') WHEN 'UTF8' THEN
        $$translate(replace(replace(replace(normalize(regexp_replace(
            lower(normalize(name, NFKD) COLLATE %1$s),
            -- Accents: combining marks of Latin, Greek, Cyrillic, Hebrew and Arabic.
            '[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]',
            '', 'g'), NFC), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'øłđħıŧðς', 'oldhitdσ')$$
        ELSE 'lower(name COLLATE %1$s)' END;
BEGIN
    EXECUTE format(
        $sql$CREATE FUNCTION files.search_text(name text) RETURNS text
        LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
        BEGIN
            IF octet_length(name) = length(name) THEN
                RETURN left(lower(name), 255);
            END IF;
            RETURN left($sql$ || folded || $sql$, 255);
        END $body$$sql$, rules);
END $migration$;

-- The keys of a name or a query in the index: a hash of each two neighbouring characters, and of each character outside
-- ASCII, because one such character can be a word. The owner is part of each hash, so that owners share no key.
CREATE FUNCTION files.search_pairs(owner uuid, content text) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
DECLARE
    seed bigint := uuid_hash_extended(owner, 0);
    keys bigint[];
BEGIN
    SELECT array_agg(hashtextextended(substr(content, i, 2), seed)) INTO keys
    FROM generate_series(1, length(content) - 1) i;
    IF octet_length(content) > length(content) THEN
        keys := keys || (SELECT array_agg(hashtextextended(c, seed)) FROM regexp_split_to_table(content, '') c
                         WHERE octet_length(c) > 1);
    END IF;
    RETURN coalesce(keys, '{}');
END $$;

-- The keys of misspelled words: a hash of each word of 4 to 16 letters, and of the word without each of its letters. Two
-- words that differ by one letter, or by two swapped ones, have a key in common. A letter is a character outside ASCII
-- or a letter of ASCII.
CREATE FUNCTION files.search_words(owner uuid, content text) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
DECLARE
    seed bigint := uuid_hash_extended(owner, 1);
    keys bigint[];
BEGIN
    SELECT array_agg(hashtextextended(overlay(word[1] PLACING '' FROM i FOR 1), seed)) INTO keys
    FROM regexp_matches(content, '[^\x01-\x40\x5b-\x60\x7b-\x7f]{4,16}', 'g') word,
         generate_series(1, length(word[1]) + 1) i;
    RETURN coalesce(keys, '{}');
END $$;

-- COST keeps the planner from computing keys for each row instead of using the index.
CREATE FUNCTION files.search_keys(owner uuid, content text) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
BEGIN
    RETURN files.search_pairs(owner, content) || files.search_words(owner, content);
END $$;

-- The names of all entries, in the trash too, as they are compared. Triggers keep it, so that a process of the previous
-- release keeps it too. It is a table of its own because entries are updated far more often than renamed.
CREATE TABLE files.search_names (
    owner_id uuid NOT NULL,
    id       uuid NOT NULL,
    name     text COLLATE "C" NOT NULL,
    PRIMARY KEY (owner_id, id)
);
CREATE INDEX search_names_by_name ON files.search_names (owner_id, name, id);
-- Without fast updates: a search would have to read the list of pending keys.
CREATE INDEX search_names_by_key ON files.search_names USING gin (files.search_keys(owner_id, name))
    WITH (fastupdate = off);

-- The owners whose older entries are not in `search_names` yet, and the id up to which they are. Only this migration
-- inserts here, and `index_names` deletes a row when its owner is done.
CREATE TABLE files.search_backlog (
    owner_id uuid PRIMARY KEY,
    after    uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);

-- No entry may appear between the list of owners and the triggers.
LOCK TABLE files.entries IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO files.search_backlog (owner_id) SELECT owner_id FROM files.usage WHERE entry_count > 0;

CREATE FUNCTION files.add_search_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO files.search_names (owner_id, id, name)
    SELECT owner_id, id, files.search_text(name) FROM changed
    ON CONFLICT (owner_id, id) DO UPDATE SET name = excluded.name;
    RETURN NULL;
END $$;
CREATE FUNCTION files.change_search_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO files.search_names (owner_id, id, name) VALUES (NEW.owner_id, NEW.id, files.search_text(NEW.name))
    ON CONFLICT (owner_id, id) DO UPDATE SET name = excluded.name;
    RETURN NULL;
END $$;
CREATE FUNCTION files.remove_search_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM files.search_names s USING changed WHERE s.owner_id = changed.owner_id AND s.id = changed.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_inserted AFTER INSERT ON files.entries REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION files.add_search_names();
CREATE TRIGGER search_renamed AFTER UPDATE OF name ON files.entries
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION files.change_search_name();
CREATE TRIGGER search_deleted AFTER DELETE ON files.entries REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION files.remove_search_names();
