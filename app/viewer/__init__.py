"""What the graph viewer is sent: a neural graph laid out, its strongest edges, pictures of what its neurons compute."""
