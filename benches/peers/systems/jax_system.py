"""JAX: one compiled function for each measure, the parameters donated to the training step."""

import functools
import os

import numpy as np

from worker import main

MOMENTUM = 0.9
EPSILON = 1e-5


class Model:
    def __init__(self, request):
        # Read when the library starts.
        single = "true" if request.threads > 1 else "false"
        os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={single}"
        import jax

        self.jax, self.version = jax, jax.__version__
        layers = request.layers
        self.parameters, self.states = initial(layers, request.parameters, request.states)
        self.velocity = [np.zeros_like(value) for value in self.parameters]
        self.inputs, self.labels = jax.device_put(request.inputs), jax.device_put(request.labels.astype(np.int32))
        self.first = self.inputs[:1]
        self.step = jax.jit(functools.partial(train_step, layers), donate_argnums=(0, 1, 2))
        self.infer = jax.jit(functools.partial(evaluate, layers))

    def train_step(self, rate):
        carried = self.step(self.parameters, self.velocity, self.states, self.inputs, self.labels, rate)
        self.parameters, self.velocity, self.states, loss = carried
        self.jax.block_until_ready(carried)
        return loss

    def evaluate(self):
        return self.jax.block_until_ready(self.infer(self.parameters, self.states, self.inputs))

    def latency(self):
        return self.jax.block_until_ready(self.infer(self.parameters, self.states, self.first))


def train_step(layers, parameters, velocity, states, inputs, labels, rate):
    import jax

    def loss_of(parameters):
        outputs, after = forward(layers, parameters, states, inputs, True)
        chosen = jax.nn.log_softmax(outputs)[jax.numpy.arange(len(labels)), labels]
        return -chosen.mean(), after

    (loss, after), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters)
    velocity = [MOMENTUM * v + g for v, g in zip(velocity, gradients)]
    parameters = [p - rate * v for p, v in zip(parameters, velocity)]
    return parameters, velocity, after, loss


def evaluate(layers, parameters, states, inputs):
    return forward(layers, parameters, states, inputs, False)[0]


def forward(layers, parameters, states, inputs, training):
    """The outputs, and the running statistics afterwards."""
    after = []
    outputs = run(layers, iter(parameters), iter(states), after, inputs, training)
    return outputs, after


def run(layers, parameters, states, after, x, training):
    import jax
    from jax import lax, numpy as jnp

    for layer in layers:
        match layer["kind"]:
            case "conv":
                x = convolution(layer, x, parameters)
            case "linear":
                x = x @ next(parameters).T + next(parameters)
            case "bn":
                x = batch_norm(x, parameters, states, after, training)
            case "relu":
                x = jax.nn.relu(x)
            case "pool":
                k, s, p = layer["kernel"], layer["stride"], layer["pad"]
                pad = ((0, 0), (0, 0), (p, p), (p, p))
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, k, k), (1, 1, s, s), pad)
            case "gap":
                x = x.mean((2, 3))
            case "flatten":
                x = x.reshape(len(x), -1)
            case "residual":
                body = run(layer["body"], parameters, states, after, x, training)
                x = body + run(layer["shortcut"], parameters, states, after, x, training)
    return x


def convolution(layer, x, parameters):
    from jax import lax

    stride, pad = (layer["stride"],) * 2, ((layer["pad"],) * 2,) * 2
    y = lax.conv_general_dilated(x, next(parameters), stride, pad, dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return y + next(parameters)[:, None, None] if layer["bias"] else y


def batch_norm(x, parameters, states, after, training):
    from jax import lax

    scale, shift, mean, variance = next(parameters), next(parameters), next(states), next(states)
    if training:
        old_mean, old_variance = mean, variance
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
        count = x.size // x.shape[1]
        after.append(0.9 * old_mean + 0.1 * lax.stop_gradient(mean))
        after.append(0.9 * old_variance + 0.1 * count / (count - 1) * lax.stop_gradient(variance))
    factor = scale * lax.rsqrt(variance + EPSILON)
    return x * factor[:, None, None] + (shift - mean * factor)[:, None, None]


def initial(layers, parameters, states):
    """Both lists of arrays; He's weights where none are given."""
    random = np.random.default_rng(0)
    learnt, kept = [], []

    def weight(shape):
        given = parameters.take(shape)
        std = np.sqrt(2.0 / np.prod(shape[1:]))
        learnt.append(random.standard_normal(shape, np.float32) * np.float32(std) if given is None else given)

    def constant(values, into, size, value):
        given = values.take([size])
        into.append(np.full(size, value, np.float32) if given is None else given)

    def visit(layer):
        match layer["kind"]:
            case "conv":
                weight([layer["outputs"], layer["inputs"], layer["kernel"], layer["kernel"]])
                if layer["bias"]:
                    constant(parameters, learnt, layer["outputs"], 0.0)
            case "linear":
                weight([layer["outputs"], layer["inputs"]])
                constant(parameters, learnt, layer["outputs"], 0.0)
            case "bn":
                for into, source, value in ((learnt, parameters, 1.0), (learnt, parameters, 0.0), (kept, states, 0.0), (kept, states, 1.0)):
                    constant(source, into, layer["channels"], value)
            case "residual":
                for inner in layer["body"] + layer["shortcut"]:
                    visit(inner)

    for layer in layers:
        visit(layer)
    return learnt, kept


if __name__ == "__main__":
    main(Model)
