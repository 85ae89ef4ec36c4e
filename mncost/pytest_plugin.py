"""Budgets in pytest: the fixture ``mncost_budget`` and ``--mncost-report``."""
