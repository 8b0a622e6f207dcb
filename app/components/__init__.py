"""Parts of pages that several pages show: each draws itself and returns what was chosen."""
