"""Budgets: limits on what networks cost, and whether they hold."""
