"""Small networks with the parameter names of well-known libraries, written for the tests of state dicts."""
