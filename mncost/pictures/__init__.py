"""Pictures: points and axes here, matplotlib only where something is drawn."""
