"""The parts of the network page that no other page uses."""
