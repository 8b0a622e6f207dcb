"""The parts of the page that compares two networks and that no other page uses."""
