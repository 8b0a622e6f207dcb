"""Reads networks of other libraries: a foreign graph of tensor operations, lifted into steps over values."""
