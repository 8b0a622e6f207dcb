"""ONNX files as data: walked and checked here, parsed by `onnx`, lifted into steps; no node of them is ever run."""
