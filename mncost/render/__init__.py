"""Tables and how they are written: terminal, CSV, JSON, Markdown."""
