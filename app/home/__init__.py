"""The parts of the home page that no other page uses."""
