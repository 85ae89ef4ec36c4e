"""The computation graph that is counted, and that is emitted as torch and ONNX models."""
