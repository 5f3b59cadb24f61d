"""``python -m docparse_runner``: the same as ``docparse``."""

from docparse_runner.cli import main

if __name__ == "__main__":
    main()
