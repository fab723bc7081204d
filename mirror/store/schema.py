"""The tables of the index, and the two queries over them that are longer than a line. SQL only: runs nothing.

What is kept up by triggers is right whoever writes, in the same transaction: `loose` has every blob that no stored
document needs and no image is, and `images.held` says whether an image's own manifest is stored.
"""

PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
"""
SCHEMA = """
CREATE TABLE IF NOT EXISTS blobs (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER,             -- NULL, with inode: not verified yet, or not since a crash
    inode INTEGER,
    last_use REAL NOT NULL,       -- wall clock, seconds
    pinned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blobs_by_use ON blobs (pinned, last_use);
CREATE INDEX IF NOT EXISTS large_blobs ON blobs (size) WHERE size > 268435456;
CREATE TABLE IF NOT EXISTS members (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT,              -- NULL for what was asked for as a blob
    content TEXT,                 -- NULL unless the bytes are stored under another digest (schema 1)
    since REAL NOT NULL,          -- when the upstream said so; wall clock, seconds
    PRIMARY KEY (upstream, repository, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_by_content ON members (coalesce(content, digest));
CREATE INDEX IF NOT EXISTS manifests ON members (upstream, repository) WHERE media_type IS NOT NULL;
CREATE TABLE IF NOT EXISTS tags (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    checked REAL NOT NULL,        -- when the upstream last said so; wall clock, seconds
    PRIMARY KEY (upstream, repository, tag)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (upstream, repository, digest);
CREATE TABLE IF NOT EXISTS documents (
    digest TEXT PRIMARY KEY       -- of a stored manifest or index whose needs are noted
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS needs (
    parent TEXT NOT NULL,         -- a document
    child TEXT NOT NULL,          -- what it refers to by digest, and means to be kept with it; stored or not
    PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS needed ON needs (child);
CREATE TABLE IF NOT EXISTS images (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,         -- of a manifest or index that a client was given, but not as part of another image
    content TEXT NOT NULL,        -- what its bytes are stored under: another one for schema 1
    first_pull REAL NOT NULL,     -- wall clock, seconds
    last_pull REAL NOT NULL,
    worth REAL NOT NULL,          -- the last pull, and later the more often it is pulled: see `worth`
    handicap REAL,                -- seconds that it goes sooner for its size; NULL: not worked out since it changed
    held INTEGER NOT NULL,
    PRIMARY KEY (upstream, repository, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS images_by_rank ON images (held, worth - coalesce(handicap, 0.0));
CREATE INDEX IF NOT EXISTS unmeasured_images ON images (held) WHERE handicap IS NULL;
CREATE INDEX IF NOT EXISTS images_by_content ON images (content, held);
CREATE INDEX IF NOT EXISTS images_by_digest ON images (digest);
CREATE TABLE IF NOT EXISTS brought (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,         -- of an image that came in a bundle, which is noted as a pull
    noted REAL NOT NULL,          -- as its last pull, unless there has been a later one
    before REAL,                  -- when a client was last given it until then; NULL: never
    PRIMARY KEY (upstream, repository, digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pins (pattern TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loose (digest TEXT PRIMARY KEY, last_use REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS loose_by_use ON loose (last_use);

CREATE TRIGGER IF NOT EXISTS blob_stored AFTER INSERT ON blobs BEGIN
    UPDATE images SET held = 1 WHERE content = new.digest AND held = 0;
    INSERT OR IGNORE INTO loose SELECT new.digest, new.last_use
        WHERE NOT EXISTS (SELECT 1 FROM needs WHERE child = new.digest)
        AND NOT EXISTS (SELECT 1 FROM images WHERE content = new.digest);
    UPDATE images SET handicap = NULL WHERE handicap IS NOT NULL AND content IN (
        SELECT parent FROM needs WHERE child = new.digest
        UNION SELECT whole.parent FROM needs AS part JOIN needs AS whole ON whole.child = part.parent
        WHERE part.child = new.digest
    );
    UPDATE blobs SET pinned = 1 WHERE digest = new.digest AND EXISTS (SELECT 1 FROM pins WHERE pattern = new.digest);
END;
CREATE TRIGGER IF NOT EXISTS blob_used AFTER UPDATE OF last_use ON blobs BEGIN
    UPDATE loose SET last_use = new.last_use WHERE digest = new.digest;
END;
CREATE TRIGGER IF NOT EXISTS blob_gone AFTER DELETE ON blobs BEGIN
    DELETE FROM loose WHERE digest = old.digest;
    DELETE FROM documents WHERE digest = old.digest;
    DELETE FROM needs WHERE parent = old.digest;
    UPDATE images SET held = 0 WHERE content = old.digest AND held = 1;
END;
CREATE TRIGGER IF NOT EXISTS document_noted AFTER INSERT ON documents BEGIN
    UPDATE images SET handicap = NULL WHERE handicap IS NOT NULL AND content IN (
        SELECT new.digest UNION SELECT parent FROM needs WHERE child = new.digest
    );
END;
CREATE TRIGGER IF NOT EXISTS need_noted AFTER INSERT ON needs BEGIN
    DELETE FROM loose WHERE digest = new.child;
END;
CREATE TRIGGER IF NOT EXISTS need_gone AFTER DELETE ON needs BEGIN
    INSERT OR IGNORE INTO loose SELECT digest, last_use FROM blobs WHERE digest = old.child
        AND NOT EXISTS (SELECT 1 FROM needs WHERE child = old.child)
        AND NOT EXISTS (SELECT 1 FROM images WHERE content = old.child);
END;
CREATE TRIGGER IF NOT EXISTS image_noted AFTER INSERT ON images BEGIN
    DELETE FROM loose WHERE digest = new.content;
END;
CREATE TRIGGER IF NOT EXISTS image_forgotten AFTER DELETE ON images BEGIN
    DELETE FROM brought WHERE upstream = old.upstream AND repository = old.repository AND digest = old.digest;
END;
CREATE TRIGGER IF NOT EXISTS image_gone AFTER DELETE ON images BEGIN
    INSERT OR IGNORE INTO loose SELECT digest, last_use FROM blobs WHERE digest = old.content
        AND NOT EXISTS (SELECT 1 FROM needs WHERE child = old.content)
        AND NOT EXISTS (SELECT 1 FROM images WHERE content = old.content);
END;
"""

# A repository may have a hundred thousand members, so these go from name to name along the primary key, a step for each
# name, where SELECT DISTINCT would read every row.
UPSTREAMS = """
WITH RECURSIVE names (name) AS (
    SELECT min(upstream) FROM members
    UNION ALL
    SELECT (SELECT min(upstream) FROM members WHERE upstream > name) FROM names WHERE name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
"""
REPOSITORIES = """
WITH RECURSIVE names (name) AS (
    SELECT min(repository) FROM members WHERE upstream = :upstream AND repository > :after
    UNION ALL
    SELECT (SELECT min(repository) FROM members WHERE upstream = :upstream AND repository > name)
    FROM names WHERE name IS NOT NULL
    LIMIT :limit
)
SELECT name, EXISTS (
    SELECT 1 FROM members INDEXED BY manifests JOIN blobs ON blobs.digest = coalesce(members.content, members.digest)
    WHERE upstream = :upstream AND repository = name AND media_type IS NOT NULL
)
FROM names WHERE name IS NOT NULL
"""
