"""The counted graph as a running model: torch, ONNX, one set of weights."""
