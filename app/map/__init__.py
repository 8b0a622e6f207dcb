"""The parts of the map page that no other page uses."""
