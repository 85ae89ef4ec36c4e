"""Structured pruning: a network with fewer channels, and the weights that survive."""
