"""The SQL of the sink ``postgres``."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from docparse_index._document import SEPARATOR, Record, folded_headings, split
from docparse_index._hit import Filters, Hit
from docparse_index._pooled import facet_list, glob_as_regex, plain
from docparse_index._query import Request, clean
from docparse_index._words import Phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 2
SCHEMA = """
CREATE TABLE meta (
    only_row int PRIMARY KEY CHECK (only_row = 1), schema_version int, generation text, revision bigint
);
CREATE TABLE models (
    id serial PRIMARY KEY, digest text NOT NULL, dimension int NOT NULL, document_prompt text NOT NULL,
    provider text NOT NULL, name text NOT NULL, normalized bool NOT NULL, query_prompt text NOT NULL,
    UNIQUE (digest, dimension, document_prompt)
);
CREATE TABLE documents (
    doc_id text COLLATE "C" PRIMARY KEY, digest text NOT NULL, model int REFERENCES models,
    chunks int NOT NULL, revision bigint NOT NULL
);
CREATE TABLE chunks (
    chunk_id text COLLATE "C" PRIMARY KEY,
    doc_id text COLLATE "C" NOT NULL REFERENCES documents ON DELETE CASCADE, model int, seq int NOT NULL,
    text text NOT NULL, headings text NOT NULL, folded_headings text NOT NULL, captions text NOT NULL,
    kinds text[] NOT NULL, pages int[] NOT NULL, facets text[] NOT NULL, boxes text NOT NULL, metadata text NOT NULL,
    words tsvector NOT NULL, vector vector
);
CREATE INDEX chunks_by_document ON chunks (doc_id, seq);
CREATE INDEX chunks_by_word ON chunks USING gin (words);
"""
NEXT = "UPDATE meta SET revision = revision + 1 RETURNING revision"
UPSERT_MODEL = """
    INSERT INTO models (digest, dimension, document_prompt, provider, name, normalized, query_prompt)
    VALUES (%(digest)s, %(dimension)s, %(document_prompt)s, %(provider)s, %(name)s, %(normalized)s, %(query_prompt)s)
    ON CONFLICT (digest, dimension, document_prompt)
    DO UPDATE SET provider = EXCLUDED.provider, name = EXCLUDED.name, normalized = EXCLUDED.normalized,
        query_prompt = EXCLUDED.query_prompt
    RETURNING id
"""
OWNERS = "SELECT chunk_id, doc_id FROM chunks WHERE chunk_id = ANY(%s) LIMIT 1"
INSERT = """
    INSERT INTO chunks VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, to_tsvector('english', %s), %s)
"""
TOTALS = """
    SELECT count(*), coalesce(sum(chunks), 0)::int, coalesce(sum(chunks) FILTER (WHERE model IS NULL), 0)::int
    FROM documents
"""
NEWEST = """
    SELECT models.id, (SELECT sum(chunks)::int FROM documents WHERE model = models.id), models.digest, dimension,
        document_prompt, provider, name, normalized, query_prompt
    FROM documents JOIN models ON models.id = documents.model
    WHERE documents.chunks > 0 ORDER BY documents.revision DESC LIMIT 1
"""
FETCH = """
    SELECT chunk_id, doc_id, documents.digest, seq, text, headings, captions, kinds, pages, boxes, metadata
    FROM chunks JOIN documents USING (doc_id) WHERE chunk_id = ANY(%s)
"""
NEIGHBOURS = """
    SELECT chunk_id, seq, text, pages FROM chunks WHERE doc_id = %s AND seq BETWEEN %s AND %s ORDER BY seq, chunk_id
"""
CHECKS = {
    """
    SELECT count(*) FROM documents d WHERE d.chunks != (SELECT count(*) FROM chunks c WHERE c.doc_id = d.doc_id)
    """: "documents have another number of chunks than they say",
    "SELECT count(*) FROM chunks JOIN models ON models.id = model WHERE vector_dims(vector) != dimension": (
        "vectors are not as long as their model says"
    ),
    "SELECT count(*) FROM chunks WHERE model IS NOT NULL AND vector IS NULL": "chunks have no vector",
    "SELECT count(*) FROM chunks c JOIN documents d USING (doc_id) WHERE c.model IS DISTINCT FROM d.model": (
        "vectors are of another model than their document says"
    ),
}
"""Query for a number → what is wrong when it is not 0."""


def values(doc_id: str, model: int | None, record: Record) -> tuple[Any, ...]:
    """Return what ``INSERT`` takes."""
    words = plain(f"{record.text} {record.headings} {record.captions}")
    return (
        record.chunk_id,
        doc_id,
        model,
        record.seq,
        _text(record.text),
        _text(record.headings),
        _text(folded_headings(record.headings)),
        _text(record.captions),
        record.kinds,
        record.pages,
        [_text(each) for each in facet_list(record.metadata)],
        record.boxes,
        record.metadata,
        words,
        None if record.vector is None else _vector(np.frombuffer(record.vector, "<f4")),
    )


def _text(text: str) -> str:
    """Return the text as PostgreSQL can store it: without NUL."""
    return text.replace("\0", " ")


def _vector(vector: "NDArray[np.float32]") -> str:
    return f"[{','.join(map(repr, vector.tolist()))}]"


def dense(request: Request, model: int, query: "NDArray[np.float32]", limit: int) -> tuple[str, list[Any]]:
    """Return a query for the nearest chunks of a model, (chunk, cosine), and its parameters."""
    where, parameters = _where(request.filters)
    if request.words.unwanted:
        unwanted, more = _any(request.words.unwanted)
        where, parameters = f"{where} AND NOT words @@ ({unwanted})", [*parameters, *more]
    vector = _vector(query)
    score = "1 - (vector <=> %s::vector)"
    statement = f"""
        SELECT chunk_id, coalesce(nullif({score}, 'NaN'), 0) FROM chunks WHERE model = %s AND {where}
        ORDER BY vector <=> %s::vector, doc_id, seq LIMIT %s
    """  # noqa: S608 - no text of the user's
    return statement, [vector, model, *parameters, vector, limit]


def lexical(request: Request, limit: int) -> tuple[str, list[Any]]:
    """Return a query for the chunks with the words, (chunk, score), and its parameters."""
    query, parameters = _tsquery(request)
    where, more = _where(request.filters)
    statement = f"""
        WITH asked AS (SELECT {query} AS query)
        SELECT chunk_id, ts_rank_cd(words, query, 1) FROM chunks, asked WHERE words @@ query AND {where}
        ORDER BY 2 DESC, doc_id, seq LIMIT %s
    """  # noqa: S608 - as above
    return statement, [*parameters, *more, limit]


def _tsquery(request: Request) -> tuple[str, list[Any]]:
    groups, parameters = list[str](), list[Any]()
    for group in request.words.wanted:
        parts = [_any(phrases) for phrases in group]
        groups.append(f"({' && '.join(part for part, _ in parts)})")
        parameters += [each for _, more in parts for each in more]
    query = " || ".join(groups) or "''::tsquery"
    if request.words.unwanted:
        unwanted, more = _any(request.words.unwanted)
        query, parameters = f"({query}) && !!({unwanted})", [*parameters, *more]
    return query, parameters


def _any(phrases: tuple[Phrase, ...]) -> tuple[str, list[Any]]:
    found = [_phrase(phrase) for phrase in phrases]
    return f"({' || '.join(part for part, _ in found)})", [parameter for _, parameter in found]


def _phrase(phrase: Phrase) -> tuple[str, str]:
    """Return SQL for a phrase, and its parameter; what is typed is never read as a tsquery."""
    text = plain(" ".join(phrase.words))
    prefix = re.sub(r"\W", "", text)
    if phrase.is_prefix and len(phrase.words) == 1 and prefix:
        return "to_tsquery('simple', %s)", f"'{prefix}':*"
    return "phraseto_tsquery('english', %s)", text


def _where(filters: Filters) -> tuple[str, list[Any]]:
    conditions, parameters = ["TRUE"], list[Any]()
    if filters.paths:
        conditions.append("doc_id ~ ANY(%s)")
        parameters.append([_regex(clean(pattern)) for pattern in filters.paths])
    if filters.documents:
        conditions.append("doc_id = ANY(%s)")
        parameters.append([clean(doc_id) for doc_id in filters.documents])
    if filters.page is not None:
        conditions.append("%s::bigint = ANY(pages)")
        parameters.append(filters.page)
    if filters.heading is not None:
        text = clean(filters.heading).casefold()
        conditions.append("position(%s IN folded_headings) > 0" if SEPARATOR not in text else "%s IS NULL")
        parameters.append(text)
    if filters.kinds:
        conditions.append("kinds && %s::text[]")
        parameters.append([clean(kind) for kind in filters.kinds])
    if filters.metadata:
        conditions.append("facets @> %s::text[]")
        parameters.append([clean(f"{name}={value}") for name, value in filters.metadata.items()])
    return " AND ".join(conditions), parameters


def _regex(pattern: str) -> str:
    """Return a glob pattern as a regular expression that means what SQLite's GLOB means by it."""
    return f"^(?:.*/)?(?:{glob_as_regex(pattern)})$"


def hit(score: float, request: Request, row: tuple[Any, ...]) -> Hit:
    """Return a row of ``FETCH`` as a hit."""
    import msgspec  # noqa: PLC0415 - when there is a hit

    from docparse_index._marks import marks  # noqa: PLC0415 - as above

    chunk_id, doc_id, digest, seq, text, headings, captions, kinds, pages, boxes, metadata = row
    return Hit(
        score=float(score),
        doc_id=doc_id,
        doc_digest=digest,
        chunk_id=chunk_id,
        seq=seq,
        text=text,
        headings=split(headings),
        captions=split(captions),
        kinds=tuple(kinds),
        pages=tuple(pages),
        boxes=tuple(msgspec.json.decode(boxes)),
        matches=marks(request.words, text),
        metadata=msgspec.json.decode(metadata),
    )
