"""The layout of PDF pages without a model: lines of text become headings, paragraphs, list items, tables and furniture.

Data flows one way. ``_lines`` (what the parser found, with ``_ink`` and ``_right_to_left``) and ``_tags`` (what the
PDF says itself, with ``_structure`` and ``_tagged_tables``) → ``_furniture`` (what repeats on every page) →
``_found_tables`` (by tags, ``_grids`` or ``_booktabs``), ``_tables`` (by ``_aligned`` columns) and ``_pictures`` →
``_columns`` → ``_paragraphs`` (lines that belong together) → ``_labels`` (what each paragraph is) → ``_levels`` →
``_pipeline`` (docling's document).
"""
