"""Channels by name: what is written reads back, what cannot be is refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otolith.core.catalog import PLACEMENTS
from otolith.core.errors import ChannelError, UnknownNameError
from otolith.data.channels import Channel, channel_names, explain_mismatch, sensors, triad, triads
from otolith.data.quantities import QUANTITIES

any_channel = st.builds(
    lambda placement, measured, device, frame: Channel(placement, *measured, device, frame),
    st.sampled_from(sorted(PLACEMENTS)),
    st.sampled_from([(q, axis) for q, one in QUANTITIES.items() for axis in one.axes or ("",)]),
    st.text(string.ascii_letters + string.digits + "-_", max_size=6),
    st.sampled_from(["sensor", "world"]),
)


@given(any_channel)
def test__channel__its_name__reads_back(channel: Channel) -> None:
    assert Channel.parse(channel.name) == channel


def test__channel__names__are_those_of_the_files() -> None:
    assert Channel("left_wrist", "acc", "x").name == "left_wrist.acc.x"
    assert Channel("left_wrist", "gyro", "z", "e4").name == "left_wrist@e4.gyro.z"
    assert Channel("lower_back", "mag", "y", frame="world").name == "lower_back.mag.y:world"
    assert Channel("left_wrist", "baro").name == "left_wrist.baro"
    assert str(Channel("head", "acc", "y")) == "head.acc.y"


@pytest.mark.parametrize(
    "name", ["", "left_wrist", "left_wrist.acc", "Left.acc.x", "left_wrist.acc.x.y", "a b.acc.x"]
)
def test__channel__no_channel_name__is_refused(name: str) -> None:
    with pytest.raises(ChannelError, match=r"left_wrist\.acc\.x"):
        Channel.parse(name)


def test__channel__unknown_place__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'left_wrist'"):
        Channel.parse("left_wirst.acc.x")


@pytest.mark.parametrize("name", ["head.temp.x", "head.acc.w", "head.acc", "head.baro.x"])
def test__channel__unknown_quantity_or_axis__is_refused(name: str) -> None:
    with pytest.raises(ChannelError, match="one of acc, gyro, mag"):
        Channel.parse(name)


def test__triads__incomplete__are_left_out_and_order_is_free() -> None:
    x, y, z = triad("head", "acc")
    lone = Channel("head", "gyro", "x")
    assert triads([z, lone, x, y]) == {("head", "acc"): (2, 3, 0)}


def test__sensors__two_devices_on_one_place__are_two() -> None:
    channels = [
        *triad("chest", "acc", "b"),
        *triad("chest", "acc", "a"),
        *triad("chest", "gyro", "b"),
    ]
    assert sensors(channels) == ["chest@b", "chest@a"]


def test__explain_mismatch__says_what_is_missing_and_what_is_over() -> None:
    acc, gyro = triad("head", "acc"), triad("head", "gyro")
    assert explain_mismatch(acc, gyro) == (
        "missing are head.acc.x, head.acc.y, head.acc.z; not needed are head.gyro.x, head.gyro.y, "
        "head.gyro.z"
    )
    assert explain_mismatch(acc, acc[::-1]) == "the order differs"
    assert channel_names(acc) == ["head.acc.x", "head.acc.y", "head.acc.z"]
