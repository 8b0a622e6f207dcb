"""The network page of a file whose structure is not known: its tensors as they are, and guesses of connections."""
