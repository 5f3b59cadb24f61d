"""The rows of ``.chunks.jsonl`` for programs that read them: classes to decode into, and the JSON Schema."""

from docparse_chunk._row import SCHEMA_VERSION, BoxRow, ChunkRow, json_schema

__all__ = ["SCHEMA_VERSION", "BoxRow", "ChunkRow", "json_schema"]
