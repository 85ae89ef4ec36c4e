"""Worker processes: the program that they run, and the parent's side of it."""
