"""The parts of the drawing page that no other page uses."""
