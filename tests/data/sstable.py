"""A table file (LevelDB's format) written by hand, for fixtures that TensorFlow reads but no longer writes."""
import struct

MAGIC = 0xDB4775248B80FB57
PLAIN, SNAPPY = 0, 1


def _crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


_CRC = list(_crc_table())


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def mask(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def snappy(data):
    """A valid snappy stream: at each place the nearest earlier match of 4 to 64 bytes as a two-byte-offset copy."""
    out, seen, place, literal = bytearray(varint(len(data))), {}, 0, 0

    def put_literal(end):
        for first in range(literal, end, 60):
            piece = data[first : min(first + 60, end)]
            out.append((len(piece) - 1) << 2)
            out.extend(piece)

    while place < len(data):
        earlier = seen.get(data[place : place + 4])
        seen[data[place : place + 4]] = place
        if earlier is None or place - earlier > 0xFFFF or place + 4 > len(data):
            place += 1
            continue
        length = 4
        while length < 64 and place + length < len(data) and data[earlier + length] == data[place + length]:
            length += 1
        put_literal(place)
        out.extend(struct.pack("<BH", (length - 1) << 2 | 2, place - earlier))
        place += length
        literal = place
    put_literal(len(data))
    return bytes(out)


def _block(entries, interval):
    out, restarts, last = bytearray(), [0], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i and i % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return bytes(out) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def write(path, entries, compression=PLAIN, entries_per_block=64):
    """ENTRIES: (key, value) by rising key. The index holds each block's last key itself, which is a legal separator."""
    out, handles = bytearray(), []

    def put(block, kind):
        start = len(out)
        body = (snappy(block) if kind == SNAPPY else block) + bytes([kind])
        out.extend(body + struct.pack("<I", mask(crc32c(body))))
        return varint(start) + varint(len(body) - 1)

    for first in range(0, len(entries), entries_per_block):
        piece = entries[first : first + entries_per_block]
        handles.append((piece[-1][0], put(_block(piece, 16), compression)))
    footer = put(_block([], 1), PLAIN) + put(_block(handles, 1), PLAIN)
    out += footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)
    with open(path, "wb") as file:
        file.write(out)
