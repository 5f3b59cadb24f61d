"""The commands that this package brings to ``docparse``: ``search`` and ``index``."""
