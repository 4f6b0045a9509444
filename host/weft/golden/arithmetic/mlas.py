"""Functions of real numbers as ONNX Runtime's x86-64 kernels (with FMA) approximate them.

Each returns the float32 that the runtime computes: its polynomials, in its order. They come from
MLAS but for ELU's exponential, which is Eigen's (and 1 unit in the last place off for 0.2 %).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "elu_eigen",
    "elu_library",
    "erf_mlas",
    "exp_mlas",
    "gelu_mlas",
    "logistic_mlas",
    "softmax_mlas",
    "tanh_mlas",
]

Float32 = NDArray[np.floating]  # float32 in fact

# Highest power first, as MLAS's erf.cpp, tanh.cpp and logistic.cpp have them.
_ERF_SMALL = (
    -5.99104969e-4,
    4.99339588e-3,
    -2.67667342e-2,
    1.12818025e-1,
    -3.76124859e-1,
    1.28379151e-1,
)
_ERF_BIG = (
    1.72948930e-5,
    -3.83208680e-4,
    3.88393435e-3,
    -2.42545605e-2,
    1.06777847e-1,
    6.34846687e-1,
    1.28717512e-1,
)
_ERF_LIMIT, _ERF_SPLIT = 3.925, 0.921875
_ERF_EXP = (
    1.38319808e-3,
    8.37550033e-3,
    4.16689515e-2,
    1.66664466e-1,
    4.99999851e-1,
    1.0,
    1.0,
)
_EXP = (
    float.fromhex("0x1.694p-10"),
    float.fromhex("0x1.125edcp-7"),
    float.fromhex("0x1.555b5ap-5"),
    float.fromhex("0x1.55545p-3"),
    float.fromhex("0x1.fffff6p-2"),
    1.0,
    1.0,
)
_EXP_LOW, _EXP_HIGH = -103.9720840454, 88.7762626647950
_EIGEN_ODD = (8.36894474923610687e-3, 0.166665181517601013)
_EIGEN_EVEN = (1.37449637986719608e-3, 4.16696518659591674e-2, 0.499999880790710449)
_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.44269504088896341, -6.93145752e-1, -1.42860677e-6
_LANES = 16
_ROUND = 12582912.0  # adding it leaves no fraction bits
_TANH = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-8,
    1.48572235717979e-5,
    6.37261928875436e-4,
    4.89352455891786e-3,
)
_TANH_BELOW = (1.19825839466702e-6, 1.18534705686654e-4, 2.26843463243900e-3, 4.89352518554385e-3)
_LOGISTIC = (
    4.37031012579801e-11,
    1.15627324459942e-7,
    6.08574864600143e-5,
    8.51377133304701e-3,
    2.48287947061529e-1,
)
_LOGISTIC_BELOW = (
    6.10247389755681e-13,
    5.76102136993427e-9,
    6.29106785017040e-6,
    1.70198817374094e-3,
    1.16817656904453e-1,
    9.93151921023180e-1,
)


def _fused(a: Float32, b: Float32 | float, c: Float32 | float) -> Float32:
    """Return ``a * b + c`` with one rounding; a product of two float32 is exact in float64."""
    product = a.astype(np.float64) * np.asarray(b, np.float32).astype(np.float64)
    return (product + np.asarray(c, np.float32).astype(np.float64)).astype(np.float32)


def _polynomial(x: Float32, coefficients: tuple[float, ...]) -> Float32:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = _fused(result, x, coefficient)
    return result


def erf_mlas(x: Float32) -> Float32:
    """Return the error function."""
    size = np.minimum(np.abs(x), np.float32(_ERF_LIMIT))
    small = _fused(_polynomial(size * size, _ERF_SMALL), size, size)
    beyond = size > np.float32(_ERF_SPLIT)
    outer = np.where(beyond, size, np.float32(0))
    power = _power(-_fused(_polynomial(outer, _ERF_BIG), outer, outer), _ERF_EXP)
    return np.copysign(np.where(beyond, np.float32(1) - power, small), x)


def _power(x: Float32, coefficients: tuple[float, ...]) -> Float32:
    """Return exp(x) = 2**whole * exp(rest), the latter as a polynomial."""
    whole = _fused(x, _LOG2_E, _ROUND) - np.float32(_ROUND)
    rest = _fused(whole, _LN2_LOW, _fused(whole, _LN2_HIGH, x))
    return np.ldexp(_polynomial(rest, coefficients), whole.astype(np.int32)).astype(np.float32)


def exp_mlas(x: Float32) -> Float32:
    """Return exp(x)."""
    with np.errstate(over="ignore"):
        return _power(np.clip(x, np.float32(_EXP_LOW), np.float32(_EXP_HIGH)), _EXP)


def softmax_mlas(x: Float32) -> Float32:
    """Return softmax over the last axis, its sum in 16 lanes as on a CPU with AVX-512."""
    power = exp_mlas(x - x.max(axis=-1, keepdims=True))
    length = x.shape[-1]
    rest = [(0, 0)] * (x.ndim - 1) + [(0, -length % _LANES)]
    parts = np.pad(power, rest).reshape(*x.shape[:-1], -1, _LANES)
    lanes = parts[..., 0, :]
    for index in range(1, parts.shape[-2]):
        lanes = lanes + parts[..., index, :]
    lanes = lanes[..., : _LANES // 2] + lanes[..., _LANES // 2 :]
    for _ in range(2):  # neighbours
        lanes = lanes[..., ::2] + lanes[..., 1::2]
    total = lanes[..., 0] + lanes[..., 1]
    return power * (np.float32(1) / total)[..., None]


def elu_eigen(x: Float32, alpha: float) -> Float32:
    """Return x where it is not negative, else alpha * (exp(x) - 1)."""
    below = np.clip(x, np.float32(-88), np.float32(0))
    whole = np.floor(_fused(below, _LOG2_E, 0.5))
    rest = _fused(whole, 2.12194440e-4, _fused(whole, -0.693359375, below))
    square = rest * rest
    odd, even = _polynomial(square, _EIGEN_ODD), _polynomial(square, _EIGEN_EVEN)
    power = _fused(square, _fused(rest, odd, even), rest + np.float32(1))
    power = np.ldexp(power, whole.astype(np.int32)).astype(np.float32)
    return np.where(x >= 0, x, np.float32(alpha) * (power - np.float32(1)))


def elu_library(x: Float32, alpha: float) -> Float32:
    """Return :func:`elu_eigen` with the exponential of the C library.

    Eigen takes that for what is left at the end of a tensor when no vector is full any more.
    """
    power = np.exp(np.minimum(x, np.float32(0)).astype(np.float64)).astype(np.float32)
    return np.where(x >= 0, x, np.float32(alpha) * (power - np.float32(1)))


def tanh_mlas(x: Float32) -> Float32:
    """Return the hyperbolic tangent."""
    x = np.clip(x, np.float32(-9), np.float32(9))
    square = x * x
    return _polynomial(square, _TANH) * x / _polynomial(square, _TANH_BELOW)


def logistic_mlas(x: Float32) -> Float32:
    """Return 1 / (1 + exp(-x))."""
    x = np.clip(x, np.float32(-18), np.float32(18))
    square = x * x
    ratio = _polynomial(square, _LOGISTIC) * x / _polynomial(square, _LOGISTIC_BELOW)
    return np.maximum(ratio + np.float32(0.5), np.float32(0))


def gelu_mlas(x: Float32, *, approximate: bool) -> Float32:
    """Return x times the normal distribution function of x, or its tanh approximation."""
    half, one = np.float32(0.5), np.float32(1)
    if approximate:
        root = np.float32(np.sqrt(2 / np.pi))
        inner = x * (np.float32(0.044715) * root * x * x + root)
        return half * x * (one + tanh_mlas(inner))
    return half * x * (erf_mlas(x * np.float32(np.sqrt(0.5))) + one)
