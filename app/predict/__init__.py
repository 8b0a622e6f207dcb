"""The parts of the prediction page that no other page uses."""
