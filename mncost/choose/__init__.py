"""Choosing: what is published about accuracy, what fits a budget, what nothing else beats."""
