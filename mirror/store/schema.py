"""The tables of the index, and the two queries over them that are longer than a line. SQL only: runs nothing."""

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS blobs (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER,             -- NULL, with inode: not verified yet, or not since a crash
    inode INTEGER,
    last_use REAL NOT NULL,       -- wall clock, seconds
    pinned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blobs_by_use ON blobs (pinned, last_use);
CREATE TABLE IF NOT EXISTS members (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT,              -- NULL for what was asked for as a blob
    content TEXT,                 -- NULL unless the bytes are stored under another digest (schema 1)
    since REAL NOT NULL,          -- when the upstream said so; wall clock, seconds
    PRIMARY KEY (upstream, repository, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS manifests ON members (upstream, repository) WHERE media_type IS NOT NULL;
CREATE TABLE IF NOT EXISTS tags (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    checked REAL NOT NULL,        -- when the upstream last said so; wall clock, seconds
    PRIMARY KEY (upstream, repository, tag)
) WITHOUT ROWID;
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
