"""The parts of the editing studio that no other page uses."""
