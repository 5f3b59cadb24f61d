"""How PDFs are converted: one module per engine, each with ``pdf_option()``, docling's ``FormatOption`` for PDFs."""
