"""The tables of the tag journal and of pinned tags, and the statements over them. SQL only: runs nothing."""

TABLES = """
CREATE TABLE IF NOT EXISTS moves (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were noted
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    old TEXT,                     -- NULL: nothing, as far as was known
    new TEXT,                     -- NULL: the upstream no longer has the tag
    media_type TEXT,              -- of the new one, with its size, where they were known
    size INTEGER,
    seen REAL NOT NULL,           -- when the upstream was asked; wall clock, seconds
    client TEXT NOT NULL          -- for whom it was asked; empty: for nobody but the mirror
);
CREATE INDEX IF NOT EXISTS moves_by_tag ON moves (upstream, repository, tag, number);
CREATE INDEX IF NOT EXISTS moves_by_repository ON moves (upstream, repository, number);
CREATE INDEX IF NOT EXISTS moves_by_former ON moves (upstream, repository, old, tag, seen) WHERE old IS NOT NULL;
CREATE TABLE IF NOT EXISTS tag_pins (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    since REAL NOT NULL,          -- wall clock, seconds
    is_former INTEGER NOT NULL,   -- whether the tag was rolled back to it
    PRIMARY KEY (upstream, repository, tag)
) WITHOUT ROWID;
"""

_OF_THE_TAG = "upstream = ?1 AND repository = ?2 AND tag = ?3"
_COLUMNS = "upstream, repository, tag, old, new, seen, client, media_type, size, number"

# The first three parameters are a tag: upstream, repository, tag.
LAST = f"SELECT new FROM moves WHERE {_OF_THE_TAG} ORDER BY number DESC LIMIT 1"  # noqa: S608 - words of ours
# The last digest that the tag had, also if it is gone since.
LAST_DIGEST = f"SELECT coalesce(new, old) FROM moves WHERE {_OF_THE_TAG} ORDER BY number DESC LIMIT 1"  # noqa: S608
ADD = """
INSERT INTO moves (upstream, repository, tag, old, new, media_type, size, seen, client) VALUES (
    ?1, ?2, ?3, ?4, ?5,
    (SELECT media_type FROM members WHERE upstream = ?1 AND repository = ?2 AND digest = ?5),
    (SELECT size FROM blobs WHERE digest = ?5),
    ?6, ?7
)
RETURNING media_type, size
"""
TRIM_TAG = f"""
DELETE FROM moves WHERE {_OF_THE_TAG}
AND number <= (SELECT number FROM moves WHERE {_OF_THE_TAG} ORDER BY number DESC LIMIT 1 OFFSET ?4)
"""  # noqa: S608
COUNTS = "SELECT upstream, count(*) FROM moves GROUP BY upstream"
# The oldest of an upstream, which is the one with most: they are soon found in the order of all (the sign keeps SQLite
# from gathering all of its moves first, by an index).
TRIM_UPSTREAM = (
    "DELETE FROM moves WHERE number IN (SELECT number FROM moves WHERE +upstream = ? ORDER BY number LIMIT ?)"
)
_PAGE = "AND number < ? ORDER BY number DESC LIMIT ?"
MOVES = f"SELECT {_COLUMNS} FROM moves WHERE upstream = ? AND repository = ? AND tag = ? {_PAGE}"  # noqa: S608
ALL_MOVES = f"SELECT {_COLUMNS} FROM moves WHERE upstream = ? AND repository = ? {_PAGE}"  # noqa: S608
# Of a digest: the tags that were seen to point elsewhere since, and when that was last.
LEFT = "SELECT tag, max(seen) FROM moves WHERE upstream = ? AND repository = ? AND old = ? GROUP BY tag"

PINS = "SELECT upstream, repository, tag, digest, since, is_former FROM tag_pins"
PUT_PIN = "INSERT OR REPLACE INTO tag_pins VALUES (?, ?, ?, ?, ?, ?)"
FORGET_PIN = f"DELETE FROM tag_pins WHERE {_OF_THE_TAG}"  # noqa: S608
# What is pinned so, as patterns of images; a bracket, which an IPv6 address has, means nothing else in them.
PINNED_IMAGES = "SELECT replace(upstream, '[', '[[]') || '/' || repository || '@' || digest FROM tag_pins"
