"""Thirty-two float32 numbers that a Numba loop handles as if they were one.

Neighbouring cells of a dynamic programme wait for each other, so one pair of signals cannot fill a
processor's vector units; thirty-two pairs side by side can. Numba has no vector type, and its
automatic vectoriser must guard every short inner loop against overlapping arrays (measured on time
warping: two to three times slower than this). The type below is LLVM's own `<32 x float>`, which
LLVM splits into whatever the processor has: two registers with AVX-512, four with AVX2, eight with
NEON. The arithmetic assumes that no lane holds NaN.

Numba's disk cache watches only the file of the function that calls these: after a change here,
delete `__pycache__`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic, models, register_model

LANES = 32

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_UNDEFINED = ir.Constant(_VECTOR, ir.Undefined)
# Numba types an intrinsic by its Python signature, which has one argument more than its callers
# give.
_intrinsic: Callable[[Any], Any] = intrinsic

_FAST = ("nnan", "nsz", "contract")  # never "ninf": infinity marks the cells outside a band


class _Float32Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"Float32Lanes({LANES})")


@register_model(_Float32Lanes)
class _Float32LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)  # type: ignore[no-untyped-call]


_lanes: Any = _Float32Lanes()


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Pointer to row `arguments[1]` of a C-contiguous (rows, LANES) float32 array."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    row = context.cast(builder, arguments[1], signature.args[1], types.intp)
    offset = builder.mul(row, ir.Constant(row.type, LANES))
    return builder.bitcast(builder.gep(array.data, [offset]), _VECTOR.as_pointer())


@_intrinsic
def load(typing_context: Any, array: Any, row: Any) -> Any:
    """Read one row of a (rows, LANES) float32 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, signature, arguments), align=4)

    return _lanes(array, row), generate


@_intrinsic
def store(typing_context: Any, array: Any, row: Any, value: Any) -> Any:
    """Write one row of a (rows, LANES) float32 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _address(context, builder, signature, arguments), align=4)
        return context.get_dummy_value()

    return types.void(array, row, value), generate


@_intrinsic
def splat(typing_context: Any, value: Any) -> Any:
    """Put one number into every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(builder, arguments[0], signature.args[0], types.float32)
        first = builder.insert_element(_UNDEFINED, number, ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, _UNDEFINED, everywhere)

    return _lanes(value), generate


def _two(operation: Callable[[Any, Any, Any], Any]) -> Any:
    @_intrinsic
    def lanewise(typing_context: Any, first: Any, second: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return operation(builder, *arguments)

        return _lanes(first, second), generate

    return lanewise


def _smaller(builder: Any, first: Any, second: Any) -> Any:
    return builder.select(
        builder.fcmp_ordered("<", first, second, flags=("nnan", "nsz")), first, second
    )


def _larger(builder: Any, first: Any, second: Any) -> Any:
    return builder.select(
        builder.fcmp_ordered(">", first, second, flags=("nnan", "nsz")), first, second
    )


add = _two(lambda builder, first, second: builder.fadd(first, second, flags=_FAST))
subtract = _two(lambda builder, first, second: builder.fsub(first, second, flags=_FAST))
multiply = _two(lambda builder, first, second: builder.fmul(first, second, flags=_FAST))
minimum = _two(_smaller)
maximum = _two(_larger)
