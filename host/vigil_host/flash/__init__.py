"""Puts Vigil onto a board, from whatever is on it to a board that has said that it works: `vigil flash`."""
