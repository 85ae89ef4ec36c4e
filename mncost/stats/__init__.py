"""Statistics: numbers in, intervals out. Nothing here knows runs, cells or units."""
