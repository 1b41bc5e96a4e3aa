"""Makes model bundles for mice-bridge: derive from an encoder, train, export to ONNX, measure."""
