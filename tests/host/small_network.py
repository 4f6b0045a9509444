"""A small network of most kinds of layers."""

from weft_hw.contract.config import CONFIGS

PLAIN = CONFIGS["ulx3s-85f"]


def network(graphs, seed=1):
    b = graphs.Builder(seed)
    x = b.conv(b.input(8, 8, 3), 12, padding=(1, 1, 1, 1))
    y = b.conv(b.depthwise(x, padding=(1, 1, 1, 1)), 12, kernel=(1, 1))
    x = b.binary("ADD", x, y)
    x = b.unary("LOGISTIC", b.pool("MAX_POOL_2D", x))
    x = b.fully_connected(b.reshape(x, 4 * 4 * 12), 10)
    out = b.node("SOFTMAX", (x,), (1, 10), b.quantization(1 / 256, -128), beta=1.0)
    return b, b.build(out)
