"""Watchers that come with docparse: ordinary lifecycle plugins of the group ``docparse.plugins``."""
