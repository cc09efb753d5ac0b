#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a trace of `wbstress report --format perfetto` against the record that it is of.

    check-perfetto.py TRACE RECORD

The trace is decoded with the schema that the perfetto package publishes; what it should hold is counted from
the record by itself. Prints the counts as JSON, or what is wrong, with exit status 1.
"""

import collections
import json
import sys

try:
    from google.protobuf.unknown_fields import UnknownFieldSet
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent
except ImportError:
    sys.exit("the Python package perfetto is missing: ci/install test")

INSTANTS = {
    "oom", "oom-group-kill", "oom-without-kill", "phase", "moment", "moment-end", "device", "kmsg",
    "memcg-event", "cgroup-event", "psi", "worker", "exit", "pin", "state", "note", "event",
}
SLICES = {"slow", "in-flight", "span", "open"}


def fail(text):
    sys.exit(f"check-perfetto: {text}")


def from_record(path):
    """What a trace of the record has to have: counts, total length of its slices, values by counter."""
    lanes, slices, instants, counters = {}, 0, 0, {}
    frames, waits = {}, []
    length = 0
    samples = collections.defaultdict(list)
    for line in open(path, encoding="utf-8"):
        line = json.loads(line)
        kind = line["type"]
        if kind == "columns":
            lanes[line["lane"]] = line["names"]
        elif kind == "sample":
            samples[line["lane"]].append((line["t"], line["v"]))
        elif kind == "stack":
            frames[line["id"]] = line.get("frames", line.get("addresses"))
        elif kind in SLICES:
            slices += 1
            if "stack" in line:
                waits.append((line["start"], line["stack"]))
            length += line.get("ns", line.get("latency", line.get("age", 0)))
        elif kind in INSTANTS:
            instants += 1
        elif kind == "progress":
            worker = next(line[k] for k in ("stream", "task", "pinned", "worker") if k in line)
            for key, name in (("bytes", "bytes"), ("oldest", "oldest operation in flight")):
                if line.get(key) is not None:
                    counters.setdefault(f"{worker} {name}", []).append((line["t"], line[key]))
    for lane, rows in samples.items():
        rows.sort()
        for column, name in enumerate(lanes[lane]):
            before = object()
            for time, values in rows:
                value = values[column]
                if value != before and value is not None:
                    counters.setdefault(name, []).append((time, value))
                before = value
    stacks = sorted((start, frames[stack]) for start, stack in waits if stack in frames)
    return slices, length, instants, counters, stacks


def from_trace(path):
    written = open(path, "rb").read()
    trace = Trace.FromString(written)
    if trace.ByteSize() != len(written):
        fail("the trace is not encoded as tightly as the schema's own writer would")
    tracks, pids = {}, set()
    events = []
    for number, packet in enumerate(trace.packet):
        event, track = packet.track_event, packet.track_descriptor
        parts = [packet, event, *event.debug_annotations, track, track.counter, track.process, track.thread]
        if any(len(UnknownFieldSet(part)) for part in parts):
            fail(f"packet {number} has fields that are not in the schema")
        if packet.trusted_packet_sequence_id != 1:
            fail(f"packet {number} is of another sequence")
        if number == 0 and packet.sequence_flags != 1:
            fail("the first packet does not clear the incremental state")
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            if track.uuid == 0 or track.uuid in tracks:
                fail(f"track {track.uuid} is described twice, or has no uuid")
            if track.parent_uuid and track.parent_uuid not in tracks:
                fail(f"track {track.uuid} is described before its parent")
            if track.HasField("process"):
                pids.add(track.process.pid)
            if track.HasField("thread") and track.thread.pid not in pids:
                fail(f"thread {track.thread.tid} is described before its process")
            tracks[track.uuid] = track
        elif packet.HasField("track_event"):
            if packet.track_event.track_uuid not in tracks:
                fail(f"packet {number} is on a track that is not described before it")
            events.append((packet.timestamp, packet.track_event))
        else:
            fail(f"packet {number} is neither a track nor an event")
    return tracks, events


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    slices, length, instants, counters, stacks = from_record(sys.argv[2])
    tracks, events = from_trace(sys.argv[1])
    found = collections.Counter()
    values = collections.defaultdict(list)
    open_slices = collections.defaultdict(list)
    total = 0
    told = []
    # As the importer does: by time, in the order of the file where it is the same.
    for time, event in sorted(events, key=lambda one: one[0]):
        if not 0 <= time < 1 << 61:
            fail(f"an event at {time}")
        found[TrackEvent.Type.Name(event.type)] += 1
        track = tracks[event.track_uuid]
        if event.type == TrackEvent.TYPE_COUNTER:
            if not track.HasField("counter"):
                fail(f"a value on {track.name}, which is no counter")
            values[track.name].append((time, event.counter_value))
        elif track.HasField("counter"):
            fail(f"an event on the counter {track.name}")
        elif event.type == TrackEvent.TYPE_SLICE_BEGIN:
            if not event.name:
                fail(f"a slice without a name on {track.name}")
            open_slices[event.track_uuid].append(time)
            for one in event.debug_annotations:
                if one.name == "stack" and one.array_values:
                    told.append((time, [frame.string_value for frame in one.array_values]))
        elif event.type == TrackEvent.TYPE_SLICE_END:
            if not open_slices[event.track_uuid]:
                fail(f"a slice of {track.name} ends at {time} that has not begun")
            total += time - open_slices[event.track_uuid].pop()
    for uuid, left in open_slices.items():
        if left:
            fail(f"{len(left)} slices of {tracks[uuid].name} do not end")
    wanted = {
        "TYPE_COUNTER": sum(len(v) for v in counters.values()), "TYPE_SLICE_BEGIN": slices,
        "TYPE_SLICE_END": slices, "TYPE_INSTANT": instants,
    }
    for name, count in wanted.items():
        if found[name] != count:
            fail(f"{found[name]} of {name}, the record has {count}")
    for name, series in counters.items():
        if sorted(values[name]) != sorted(series):
            fail(f"counter {name} is not as in the record")
    open_lines = sum('"type":"open"' in line for line in open(sys.argv[2], encoding="utf-8"))
    # Swapped ends would keep the counts; what is open has no length in the record.
    if not open_lines and total != length:
        fail(f"slices are {total} ns long, in the record {length} ns")
    if sorted(told) != stacks:
        fail("the stacks are not as in the record")
    print(json.dumps(dict(found, tracks=len(tracks), stacks=len(stacks)), sort_keys=True))


main()
