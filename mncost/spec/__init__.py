"""Architecture files: their text, names, width rules, and the grammar of α and ρ."""
