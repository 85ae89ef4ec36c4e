"""What a run says: statistics, cautions, layers, changes, worked out from its raw samples."""
