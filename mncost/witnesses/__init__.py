"""Our counts beside what torch, fvcore and ONNX find in the models that we build."""
