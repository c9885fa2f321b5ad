"""Writes a bag: a rosbag2 folder with one MCAP file, readable up to the last chunk whatever happens.

Layout: https://github.com/ros2/rosbag2 (metadata.yaml, version 9) and https://mcap.dev/spec. A chunk is
closed and handed to the operating system at the latest at every :meth:`BagWriter.flush`, so a killed process
loses what came since; the index and ``metadata.yaml`` are written by :meth:`BagWriter.close` only.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from metaagent_ros.recording import BagError
from metaagent_ros.recording.definitions import definition

METADATA = "metadata.yaml"
CHUNK_BYTES = 1 << 20
MEGABYTE = 1_000_000
LEAST_MEGABYTES = 4.0
_RECORD_BYTES = 64  # of a message beside its data: header in the chunk and entry in the index


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a bag: absolute name, type, the qualities of service offered, the hash of the type."""

    name: str
    type: str
    qos: tuple[Mapping[str, Any], ...] = ()
    type_hash: str = ""


class BagWriter:
    """One recording into a folder of its own.

    ``megabytes`` bounds the file: the message that would not fit any more closes it, and :attr:`ended`
    says why; so does a disk that is full. Memory is bounded by one chunk and an index entry for each.
    Raises :class:`BagError` for a folder that holds something already, or that cannot be made.
    """

    def __init__(self, folder: Path, megabytes: float) -> None:
        from mcap.writer import Writer

        if not megabytes >= LEAST_MEGABYTES:
            raise BagError(f"the limit of a bag is {megabytes!r} MB; it must be at least {LEAST_MEGABYTES:g}")
        self.folder, self.limit = folder, round(megabytes * MEGABYTE)
        self.file = folder / f"{folder.name}_0.mcap"
        self.ended, self.messages = "", 0
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise BagError(f"{folder} is there already; a bag needs a new or empty folder")
            folder.mkdir(parents=True, exist_ok=True)
            self._stream = self.file.open("wb")
            self._writer: Any = Writer(self._stream, chunk_size=CHUNK_BYTES)
            self._writer.start(profile="ros2", library="metaagent_ros")
            self._stream.flush()
        except OSError as error:
            raise BagError(f"{folder}: no bag can be written there: {error}") from error
        self._topics: dict[str, Topic] = {}
        self._channels: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._first = self._last = self._pending = 0

    def add(self, topic: Topic) -> None:
        """Declare a topic before its first message; a second time changes nothing."""
        if topic.name in self._channels or self.ended:
            return
        text = definition(topic.type).encode()
        schema = self._writer.register_schema(topic.type, "ros2msg", text)
        about = {"offered_qos_profiles": yaml.safe_dump(copy.deepcopy(list(topic.qos)), sort_keys=False)}
        if topic.type_hash:
            about["topic_type_hash"] = topic.type_hash
        self._channels[topic.name] = self._writer.register_channel(topic.name, "cdr", schema, about)
        self._topics[topic.name], self._counts[topic.name] = topic, 0
        self._pending += len(text)

    def write(self, topic: str, data: bytes, log_ns: int, publish_ns: int) -> None:
        """Keep one serialized message (CDR) of a declared topic; times in ns since the epoch.

        ``log_ns`` that goes back (a clock that was set) counts as the last one: readers rely on the order.
        After the end of the bag nothing is kept.
        """
        if self.ended or not self._fits(len(data)):
            return
        log_ns = max(log_ns, self._last)
        try:
            self._writer.add_message(self._channels[topic], log_ns, data, publish_ns, self._counts[topic])
        except OSError as error:
            self._end(f"writing failed: {error}")
            return
        self._first = self._first if self.messages else log_ns
        self._last = log_ns
        self._counts[topic] += 1
        self.messages += 1
        self._pending += len(data) + _RECORD_BYTES

    def flush(self) -> None:
        """Close the chunk; what was written so far outlives this process."""
        if self.ended:
            return
        try:
            self._writer.flush()
            self._pending = 0
        except OSError as error:
            self._end(f"writing failed: {error}")

    def close(self) -> None:
        """Write the index and ``metadata.yaml``; twice is fine."""
        self._end("closed")

    def size(self) -> int:
        """Bytes handed to the operating system."""
        return self._stream.tell() if not self._stream.closed else self.file.stat().st_size

    def _fits(self, more: int) -> bool:
        if self._stream.tell() + self._pending + more + _RECORD_BYTES <= self.limit:
            return True
        self.flush()  # compressed it takes less
        if not self.ended and self._stream.tell() + more + _RECORD_BYTES > self.limit:
            self._end(f"the limit of {self.limit / MEGABYTE:g} MB is reached")
        return not self.ended

    def _end(self, why: str) -> None:
        if self.ended:
            return
        self.ended = why
        try:
            self._writer.finish()
            self._stream.close()
            (self.folder / METADATA).write_text(self._metadata(), encoding="utf-8")
        except (OSError, ValueError) as error:  # a full disk: what was flushed stays readable
            self.ended = f"{why}; the index could not be written: {error}"

    def _metadata(self) -> str:
        times = {
            "duration": {"nanoseconds": self._last - self._first},
            "starting_time": {"nanoseconds_since_epoch": self._first},
            "message_count": self.messages,
        }
        topics = [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": copy.deepcopy(list(topic.qos)),
                    "type_description_hash": topic.type_hash,
                },
                "message_count": self._counts[topic.name],
            }
            for topic in self._topics.values()
        ]
        information = {
            "version": 9,
            "storage_identifier": "mcap",
            **times,
            "topics_with_message_count": topics,
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [self.file.name],
            "files": [{"path": self.file.name} | copy.deepcopy(times)],
            "custom_data": None,
            "ros_distro": "jazzy",
        }
        return yaml.safe_dump({"rosbag2_bagfile_information": information}, sort_keys=False)
