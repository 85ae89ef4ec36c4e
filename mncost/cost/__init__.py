"""What a graph costs: multiply-accumulates, parameters, bytes."""
