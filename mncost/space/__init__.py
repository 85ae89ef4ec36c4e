"""Design spaces: many networks at once, counted as arrays. See docs/space.md."""
