"""ONNX Runtime, for evaluation: a session for the batch and one for a single sample."""

import onnxruntime

from worker import main


class Model:
    version = onnxruntime.__version__

    def __init__(self, request):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.batch, self.one = (
            onnxruntime.InferenceSession(request.onnx[size], options, ["CPUExecutionProvider"])
            for size in ("batch", "one")
        )
        self.inputs, self.first = request.inputs, request.inputs[:1].copy()

    def evaluate(self):
        return self.batch.run(None, {"input": self.inputs})[0]

    def latency(self):
        return self.one.run(None, {"input": self.first})[0]


if __name__ == "__main__":
    main(Model)
