"""What a training step costs: multiply-accumulates, bytes kept for the backward pass, updates."""
