"""Reads a bag in the order in which it was written, also one whose recorder was killed.

The file is read chunk by chunk and needs neither its index nor ``metadata.yaml``. Every chunk's checksum is
checked. A bag comes from outside: sizes that it claims are bounded, what is broken is a :class:`BagError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaagent_ros.recording import BagError

RECORD_LIMIT = 1 << 26  # [bytes] of one record, also when unpacked
_STEP = 1 << 12  # [bytes] handed to a decompressor at once
_HEADER_STAMP = {0: ">iI", 1: "<iI"}


@dataclass(frozen=True, slots=True)
class Message:
    """A recorded message: topic, type, when it was heard [ns since the epoch], its bytes (CDR)."""

    topic: str
    type: str
    log_ns: int
    data: bytes
    decode: Callable[[bytes], Any]

    def value(self) -> Any:
        """The message with its fields as attributes, read by the definition that the bag carries."""
        try:
            return self.decode(self.data)
        except Exception as error:  # whatever the bytes make of the decoder
            raise BagError(f"a message on {self.topic} is not a {self.type}: {error}") from error

    def stamp_ns(self) -> int:
        """The stamp [ns] of a message that begins with a header, without reading the rest."""
        if len(self.data) < 12:
            raise BagError(f"a message on {self.topic} has {len(self.data)} bytes; a header needs 12")
        sec, nanosec = struct.unpack_from(_HEADER_STAMP[self.data[1] & 1], self.data, 4)
        return int(sec) * 1_000_000_000 + int(nanosec)


class Bag:
    """A recording on disk: a rosbag2 folder with MCAP inside, or one MCAP file.

    Iterating reads from the beginning every time; :attr:`complete` then says whether the file ended as a
    finished recording does. Raises :class:`BagError` with the path and what is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.files, self.complete = path, _files(path), False

    def __iter__(self) -> Iterator[Message]:
        self.complete = True
        for file in self.files:
            try:
                with file.open("rb") as stream:
                    yield from self._messages(file, stream)
            except OSError as error:
                raise BagError(f"{file}: {error}") from error

    def _messages(self, file: Path, stream: Any) -> Iterator[Message]:
        from mcap.records import Channel, Footer, Schema, Statistics
        from mcap.records import Message as Record
        from mcap_ros2.decoder import DecoderFactory

        schemas: dict[int, Schema] = {}
        channels: dict[int, tuple[str, str, Callable[[bytes], Any]]] = {}
        factory, finished, count = DecoderFactory(), False, 0
        for record in _records(file, stream):
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                channels[record.id] = _channel(file, record, schemas, factory)
            elif isinstance(record, Record):
                if record.channel_id not in channels:
                    raise BagError(f"{file}: a message on channel {record.channel_id}, which is not declared")
                topic, kind, decode = channels[record.channel_id]
                count += 1
                yield Message(topic, kind, int(record.log_time), record.data, decode)
            elif isinstance(record, Statistics) and record.message_count != count:
                raise BagError(f"{file} is damaged: it holds {count} of {record.message_count} messages")
            finished = finished or isinstance(record, Footer)
        self.complete = self.complete and finished


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BagError(f"no bag at {path}")
    files = sorted(path.glob("*.mcap"), key=lambda file: (len(file.name), file.name))  # bag_9 before bag_10
    if files:
        return files
    if other := sorted(p.name for p in path.glob("*.db3")):
        raise BagError(
            f"{path} holds {other[0]} (sqlite3); allowed: mcap, which 'ros2 bag convert' makes of it"
        )
    raise BagError(f"{path} holds no .mcap file")


def _channel(
    file: Path, channel: Any, schemas: dict[int, Any], factory: Any
) -> tuple[str, str, Callable[[bytes], Any]]:
    """Topic, type and decoder of a channel; one that is not ROS 2's is an error only when it is decoded."""
    schema = schemas.get(channel.schema_id)
    kind = schema.name if schema is not None else ""
    try:
        found = factory.decoder_for(channel.message_encoding, schema)
    except Exception as error:  # the definition is text from outside
        raise BagError(f"{file}: the definition of {kind} cannot be read: {error}") from error

    def unknown(_: bytes) -> Any:
        encoding = schema.encoding if schema is not None else "none"
        raise ValueError(f"it is in {channel.message_encoding} by {encoding}; allowed: cdr by ros2msg")

    return channel.topic, kind, found or unknown


def _records(file: Path, stream: Any) -> Iterator[Any]:
    """All records, those of a chunk one by one; a file that breaks off ends after its last whole chunk."""
    from mcap.exceptions import EndOfFile, InvalidMagic
    from mcap.records import Chunk
    from mcap.stream_reader import StreamReader, breakup_chunk

    size, started = file.stat().st_size, False
    records = iter(StreamReader(stream, emit_chunks=True, record_size_limit=RECORD_LIMIT).records)
    while True:
        try:
            record = next(records)
            started = True
            parts = breakup_chunk(_unpacked(record), True) if isinstance(record, Chunk) else [record]
        except StopIteration:
            return
        except Exception as error:  # of a parser and two decompressors, given bytes from outside
            if not started and isinstance(error, (EndOfFile, InvalidMagic, struct.error)):
                raise BagError(f"{file} is no MCAP file (it has {size} bytes)") from error
            if stream.tell() >= size:  # the recorder did not get further
                return
            raise BagError(f"{file} is damaged: {error or type(error).__name__}") from error
        yield from parts


def _unpacked(chunk: Any) -> Any:
    """The chunk without compression; raises ``ValueError`` before it takes more than it may."""
    import lz4.frame
    import zstandard

    if chunk.uncompressed_size > RECORD_LIMIT:
        raise ValueError(f"a chunk claims {chunk.uncompressed_size} bytes")
    if chunk.compression == "zstd":
        unpack = zstandard.ZstdDecompressor().decompressobj(read_across_frames=False)
        data = _bounded(lambda part: unpack.decompress(part), chunk.data)
    elif chunk.compression == "lz4":
        data = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, max_length=RECORD_LIMIT + 1)
    else:
        return chunk
    if len(data) != chunk.uncompressed_size:
        raise ValueError(f"a chunk of {chunk.uncompressed_size} bytes holds {len(data)}")
    chunk.data, chunk.compression = data, ""
    return chunk


def _bounded(unpack: Callable[[bytes], bytes], data: bytes) -> bytes:
    """Unpack in small steps, so that a small input cannot become more than the limit allows."""
    out, total = [], 0
    for start in range(0, len(data), _STEP):
        out.append(unpack(data[start : start + _STEP]))
        total += len(out[-1])
        if total > RECORD_LIMIT:
            raise ValueError(f"a chunk unpacks to more than {RECORD_LIMIT} bytes")
    return b"".join(out)
