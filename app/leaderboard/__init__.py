"""The parts of the leaderboard that no other page uses."""
