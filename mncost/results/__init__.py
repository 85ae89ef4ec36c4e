"""What a run says: statistics, warnings, layers, changes, worked out from its raw samples."""
