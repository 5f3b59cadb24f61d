"""How PDFs and images are converted: one module per engine, each with docling's ``FormatOption`` for PDFs."""
