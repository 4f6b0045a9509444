"""Descriptors by kind: which fields each has, their bytes, and what is no descriptor at all."""

import pytest
from msgspec.structs import asdict, replace
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.descriptor import DESCRIPTOR, DESCRIPTOR_BYTES, Kind, Rounding, Wait
from weft_hw.contract.fields import pack
from weft_hw.contract.layers import Elementwise, Mac, Table, check_layer, decode_layer
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import MOVE, Move
from weft_sim.testing import bench

ENUMERATIONS = {
    "wait": Wait,
    "rounding": Rounding,
    "sum_rounding": Rounding,
    "region": Region,
}
KINDS = [(Mac, DESCRIPTOR), (Elementwise, DESCRIPTOR), (Table, DESCRIPTOR), (Move, MOVE)]
# Gaps between the rows of nothing: what only a decoder sees.
TABLE = {"kind": Kind.TABLE, "in_base": 5, "wait": Wait.LAYER, "moves": 3}


def names(kind):
    return set(kind.__struct_fields__)


def to_bytes(table, values):
    return pack(table, values).to_bytes(DESCRIPTOR_BYTES, "little")


def decode(kind, data):
    return Move.decode(data) if kind is Move else decode_layer(data)


def draws(kind, table, rng, count=20):
    """Values of all fields of a kind: at random, then all least and all greatest."""
    limits = {}
    for field in table:
        if field.name in names(kind):
            top = (1 << field.width) - 1
            low = -(1 << field.width - 1) if field.signed else 0
            if field.name in ENUMERATIONS:
                top = max(ENUMERATIONS[field.name])
            limits[field.name] = low, low + top
    for _ in range(count):
        yield {n: int(rng.integers(*limit, endpoint=True)) for n, limit in limits.items()}
    for end in (0, 1):
        yield {name: limit[end] for name, limit in limits.items()}


def test_kinds_have_the_fields_of_the_layouts():
    layers = names(Mac) | names(Elementwise) | names(Table)
    assert layers | {"kind"} == {field.name for field in DESCRIPTOR}
    assert names(Move) | {"kind"} == {field.name for field in MOVE}
    assert {field.name for field in DESCRIPTOR if field.meaning.startswith("ELEMENTWISE")} == (
        names(Elementwise) - names(Mac)
    )
    assert names(Table) < names(Mac) & names(Elementwise)


@pytest.mark.parametrize("kind,table", KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_kind_survives_encoding(kind, table):
    for values in draws(kind, table, bench.generator()):
        data = to_bytes(table, {**values, "kind": kind.kind})
        made = decode(kind, data)
        assert type(made) is kind and made.encode() == data
        assert {name: int(value) for name, value in asdict(made).items()} == values
        for name, enumeration in ENUMERATIONS.items():
            assert isinstance(getattr(made, name, enumeration(0)), enumeration)


@pytest.mark.parametrize(
    "values,message",
    [
        ({"kind": Kind.MOVE}, "MOVE is no layer"),
        ({"wait": 3}, "there is no wait 3"),
        ({"kind": Kind.ELEMENTWISE, "rounding": 3}, "there is no rounding 3"),
        ({"keep": 1}, "TABLE layers have no keep"),
        ({"kind": Kind.ELEMENTWISE, "out_row": 1}, "ELEMENTWISE layers have no out_row"),
        ({"kind": Kind.MAC, "unary": 1}, "MAC layers have no unary"),
    ],
)
def test_no_layer_is_read_from_other_bits(values, message):
    assert decode_layer(to_bytes(DESCRIPTOR, TABLE)) == Table(in_base=5, wait=Wait.LAYER, moves=3)
    with pytest.raises(ValueError, match=f"^{message}$"):
        decode_layer(to_bytes(DESCRIPTOR, TABLE | values))


def test_bits_beyond_the_fields_are_refused():
    move = Move(region=Region.WEIGHT, count=1).encode()
    for decoder, data in ((decode_layer, to_bytes(DESCRIPTOR, TABLE)), (Move.decode, move)):
        with pytest.raises(ValueError, match=r"^bits without a meaning are set$"):
            decoder(data[:-1] + bytes([data[-1] | 0x80]))


@pytest.mark.parametrize("region", range(8))
def test_every_region_of_a_move_is_a_memory(region):
    move = Move.decode(to_bytes(MOVE, {"kind": Kind.MOVE, "region": region}))
    assert move.region is Region(region)


def test_values_fit_their_fields_and_the_configuration():
    with pytest.raises(ValueError, match=r"^in_base must be from 0 to 65535, not 65536$"):
        Table(in_base=1 << 16).encode()
    with pytest.raises(ValueError, match=r"^count must be from 0 to 65535, not -1$"):
        Move(region=Region.WEIGHT, count=-1).encode()
    layer = Elementwise(word_count=1, low=-128, high=127)
    check_layer(CONFIGS["ulx3s-85f"], layer)
    with pytest.raises(ValueError, match=r"^icebreaker has no ELEMENTWISE layers$"):
        check_layer(CONFIGS["icebreaker"], layer)
    with pytest.raises(ValueError, match=r"^high must be"):
        check_layer(CONFIGS["ulx3s-85f"], replace(layer, high=128))
    adds = Mac(**{**dict.fromkeys(names(Mac), 0), "adds": True})
    check_layer(CONFIGS["ulx3s-85f"], adds)
    with pytest.raises(ValueError, match=r"^layers of icebreaker cannot add to another map$"):
        check_layer(CONFIGS["icebreaker"], adds)
