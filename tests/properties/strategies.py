"""Hypothesis strategies for headers, messages and cells, each as the wire can say it exactly."""

from __future__ import annotations

from hypothesis import strategies as st

from bmcha.model import reading
from bmcha.model.message import (
    AGE_NEVER_NS,
    Delta,
    DeltaAck,
    DeltaKind,
    Goodbye,
    Handover,
    Header,
    Heartbeat,
    HeartbeatDraft,
    Message,
    MirrorJoin,
    Pairing,
    PathEcho,
    Probe,
    ProbeReply,
    Progress,
)
from bmcha.model.reading import (
    AlarmCell,
    BladeCell,
    EventCell,
    FanCell,
    FanValue,
    Quality,
    RunCell,
    SensorCell,
    SensorKind,
    SensorValue,
    SupplyCell,
    UnitState,
)
from bmcha.model.role import Reason, Role, Severity
from bmcha.wire.age import CELL_UNIT_NS, ECHO_UNIT_NS, OLDEST, decode_age
from bmcha.wire.cells import cut

NOW_NS = 1 << 60

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFF_FFFF)
i32 = st.integers(-0x8000_0000, 0x7FFF_FFFF)
stamps = st.integers(0, OLDEST).map(lambda code: NOW_NS - decode_age(code, CELL_UNIT_NS))
echo_ages = st.integers(0, OLDEST).map(lambda code: decode_age(code, ECHO_UNIT_NS))


def texts(bytes_max: int) -> st.SearchStrategy[str]:
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(characters, max_size=bytes_max).map(lambda t: cut(t, bytes_max).decode())


def indexes(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


names = texts(reading.NAME_BYTES_MAX)
headers = st.builds(Header, u32, u8, u8, u32, u32, u32, u8)

image_cells = st.one_of(
    st.builds(RunCell, u8, st.sampled_from(Role), u32, u32, stamps, st.just(0)),
    st.builds(
        SensorCell,
        indexes(reading.SENSORS_MAX),
        names,
        st.sampled_from(SensorKind),
        i32,
        st.sampled_from(Quality),
        stamps,
        i32,
        i32,
    ),
    st.builds(
        FanCell,
        indexes(reading.FANS_MAX),
        names,
        u16,
        u8,
        u8,
        st.sampled_from(UnitState),
        stamps,
    ),
    st.builds(
        SupplyCell,
        indexes(reading.SUPPLIES_MAX),
        names,
        st.sampled_from(UnitState),
        i32,
        i32,
        stamps,
    ),
    st.builds(
        BladeCell, indexes(reading.BLADES_MAX), names, st.sampled_from(UnitState), i32, stamps
    ),
    st.builds(
        AlarmCell,
        indexes(reading.ALARMS_MAX),
        texts(reading.ALARM_ID_BYTES_MAX),
        st.sampled_from(Severity),
        st.booleans(),
        stamps,
    ),
)
other_cells = st.one_of(
    st.builds(SensorValue, indexes(reading.SENSORS_MAX), i32, st.sampled_from(Quality), stamps),
    st.builds(FanValue, indexes(reading.FANS_MAX), u16, u8, st.sampled_from(UnitState), stamps),
    st.builds(
        EventCell,
        u32,
        u32,
        u8,
        st.sampled_from(Severity),
        st.integers(0, (1 << 64) - 1),
        names,
        texts(reading.EVENT_TEXT_BYTES_MAX),
        st.just(0),
    ),
)
cells = image_cells | other_cells

echoes = st.builds(PathEcho, u16, echo_ages | st.just(AGE_NEVER_NS))


def drafts(epoch: int) -> st.SearchStrategy[HeartbeatDraft]:
    return st.builds(
        HeartbeatDraft,
        revision=u16,
        epoch=st.just(epoch),
        role=st.sampled_from(Role),
        reason=st.sampled_from(Reason),
        is_holding=st.booleans(),
        is_released=st.booleans(),
        will_claim_on_silence=st.booleans(),
        health=st.integers(0, 100),
        echo_boot_id=u32,
        mirror_sequence=u16,
        settings_sequence=u16,
        progress=st.builds(Progress, u8, u8, u8),
        firmware_level=u16,
        is_locked_out=st.booleans(),
    )


@st.composite
def heartbeats(draw: st.DrawFn, epoch: int) -> Heartbeat:
    interval_ms = draw(st.integers(1, 0xFFFF))
    return Heartbeat(
        draw(drafts(epoch)),
        interval_ms,
        interval_ms * draw(st.integers(2, 255)),
        tuple(draw(st.lists(echoes, max_size=7))),
    )


@st.composite
def deltas(draw: st.DrawFn) -> Delta:
    sequence = draw(u32)
    near = st.integers(max(0, sequence - 300), sequence)
    parts = draw(st.just(1) | st.integers(1, 0xFFFF))
    return Delta(
        draw(st.sampled_from(DeltaKind)),
        draw(u32),
        draw(u32),
        draw(near | u32),
        sequence,
        draw(st.integers(0, parts - 1)),
        parts,
        tuple(draw(st.lists(cells, max_size=12))),
    )


def messages(epoch: int) -> st.SearchStrategy[Message]:
    return st.one_of(
        heartbeats(epoch),
        st.builds(Probe, u32),
        st.builds(ProbeReply, u32),
        st.builds(Goodbye, st.sampled_from(Reason)),
        st.builds(Handover, u32, u32, u16),
        st.builds(MirrorJoin, u32, u32),
        deltas(),
        st.builds(DeltaAck, u32, u32),
        st.builds(Pairing, st.binary(min_size=1, max_size=255)),
    )


said = headers.flatmap(lambda header: st.tuples(st.just(header), messages(header.epoch)))
"""(header, message) pairs."""
