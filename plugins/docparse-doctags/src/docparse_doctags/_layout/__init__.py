"""The layout of PDF pages without a model: lines of text become headings, paragraphs, list items and furniture.

Data flows one way: ``_lines`` (what the parser found) → ``_furniture`` (what repeats on every page) → ``_paragraphs``
(lines that belong together) → ``_labels`` (what each paragraph is) → ``_pipeline`` (docling's document).
"""
