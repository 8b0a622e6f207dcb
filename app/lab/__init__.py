"""The parts of the lab that no other page uses."""
