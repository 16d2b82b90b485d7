"""PyTorch on a GPU: channels-last, eager or compiled; in bf16 and f16 by autocast, which keeps master weights, and in f16
with a scaled loss. The fused optimiser skips a step that has overflowed by itself, so that nothing waits for it.

The step is enqueued and not waited for, as a training loop would; `finish` waits. Inputs and labels lie
on the GPU.
"""

import torch
from torch.nn import functional

from pytorch import sequence
from worker import main

# What precisions are computed in that PyTorch casts to.
LOW = {"bf16": torch.bfloat16, "f16": torch.float16}


class Model:
    version = torch.__version__

    def __init__(self, request):
        torch.backends.cudnn.benchmark = True
        exact = request.precision == "f32"
        torch.backends.cudnn.allow_tf32 = not exact
        torch.backends.cuda.matmul.allow_tf32 = not exact
        self.low = LOW.get(request.precision)
        # As nnc: from 65536 on, halved by a step that overflows, doubled by 2000 good ones. Without f16 it does nothing.
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.low is torch.float16)
        self.device = torch.device("cuda")
        self.net = sequence(request.layers, request.parameters, request.states).to(self.device)
        self.inputs = torch.from_numpy(request.inputs).to(self.device)
        self.labels = torch.from_numpy(request.labels).to(self.device)
        if self.inputs.dim() == 4:
            self.net = self.net.to(memory_format=torch.channels_last)
            self.inputs = self.inputs.contiguous(memory_format=torch.channels_last)
        self.first = self.inputs[:1].clone()
        # A tensor, so that a captured graph reads the rate of each step.
        self.rate = torch.tensor(0.0, device=self.device)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=self.rate, momentum=0.9, fused=True)
        self.loss, self.infer = self.training_loss, self.inference
        if request.form != "eager":
            self.loss = torch.compile(self.training_loss, mode=request.form)
            self.infer = torch.compile(self.inference, mode=request.form)

    def train_step(self, rate):
        self.set_mode(True)
        self.rate.fill_(rate)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.inputs, self.labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach()

    def training_loss(self, inputs, labels):
        with self.autocast():
            outputs = self.net(inputs)
        return functional.cross_entropy(outputs.float(), labels)

    def inference(self, inputs):
        with self.autocast():
            return self.net(inputs)

    def autocast(self):
        return torch.autocast("cuda", self.low, enabled=self.low is not None)

    def evaluate(self):
        self.set_mode(False)
        with torch.inference_mode():
            return self.infer(self.inputs)

    def latency(self):
        self.set_mode(False)
        with torch.inference_mode():
            outputs = self.infer(self.first)
        self.finish()
        return outputs

    def outputs(self):
        return self.evaluate().float().cpu().numpy()

    def finish(self):
        torch.cuda.synchronize()

    def set_mode(self, training):
        if self.net.training != training:
            self.net.train(training)


if __name__ == "__main__":
    main(Model)
