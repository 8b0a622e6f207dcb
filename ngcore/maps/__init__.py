"""Zoos as maps: layouts in the plane, neighbours, and where a new network belongs."""
