"""The parts of the blending page that no other page uses."""
