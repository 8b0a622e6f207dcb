"""The parts of the rank page that no other page uses."""
