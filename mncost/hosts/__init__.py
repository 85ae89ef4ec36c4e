"""Other machines, measured over the user's own ``ssh``."""
