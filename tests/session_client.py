"""A client of Session Manager's protocol that shares no line with ours: websocket, message frames, acknowledgements, smux.

Written after what aws/session-manager-plugin and amazon-ssm-agent put on the wire. No resending: it is for one machine.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import threading
import urllib.parse
import uuid

INPUT, OUTPUT, ACKNOWLEDGE, CLOSED = "input_stream_data", "output_stream_data", "acknowledge", "channel_closed"
DATA, SIZE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG, EXIT_CODE = 1, 3, 5, 6, 7, 10, 12
DISCONNECT, TERMINATE, CONNECT_ERROR = 1, 2, 3


class WebSocket:
    """RFC 6455, as much as a client needs."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
        self.reader = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        status = self.reader.readline()
        assert b" 101 " in status, status
        while self.reader.readline() not in (b"\r\n", b""):
            pass

    def send(self, opcode, data):
        head = bytes([0x80 | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(data))
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", len(data))
        mask = os.urandom(4)
        self.socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def receive(self):
        """(opcode, data), or None at the end."""
        message, kind = b"", None
        while True:
            head = self.reader.read(2)
            if len(head) < 2:
                return None
            length = head[1] & 0x7F
            if length == 126:
                length = struct.unpack(">H", self.reader.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.reader.read(8))[0]
            data, opcode = self.reader.read(length), head[0] & 0x0F
            if opcode == 8:
                return None
            if opcode == 9:
                self.send(10, data)
            elif opcode < 8:
                kind = kind or opcode
                message += data
                if head[0] & 0x80:
                    return kind, message

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Session:
    """A data channel after its handshake. `version`: what we say we are."""

    def __init__(self, url, token, version="1.2.707.0"):
        self.websocket = WebSocket(url)
        self.websocket.send(1, json.dumps({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "TokenValue": token,
                                           "ClientId": str(uuid.uuid4()), "ClientVersion": version}).encode())
        self.sequence = self.expected = 0
        self.lock = threading.Lock()
        self.closing = None
        kind, payload = self.receive()
        assert kind == HANDSHAKE_REQUEST, (kind, payload)
        request = json.loads(payload)
        self.agent_version = request["AgentVersion"]
        self.type = request["RequestedClientActions"][0]["ActionParameters"]["SessionType"]
        self.properties = request["RequestedClientActions"][0]["ActionParameters"]["Properties"]
        self.send(HANDSHAKE_RESPONSE, json.dumps({
            "ClientVersion": version, "Errors": [],
            "ProcessedClientActions": [{"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}]}).encode())
        kind, payload = self.receive()
        assert kind == HANDSHAKE_COMPLETE, (kind, payload)

    def _message(self, message_type, payload, payload_type=0, sequence=0, flags=0):
        identity = uuid.uuid4().bytes
        return struct.pack(">I32sIQQQ16s32sII", 116, message_type.encode().ljust(32), 1, 0, sequence, flags,
                           identity[8:] + identity[:8], hashlib.sha256(payload).digest(), payload_type, len(payload)) + payload

    def send(self, payload_type, payload):
        with self.lock:
            for at in range(0, max(len(payload), 1), 1024):
                self.websocket.send(2, self._message(INPUT, payload[at:at + 1024], payload_type, self.sequence))
                self.sequence += 1

    def flag(self, value):
        self.send(FLAG, struct.pack(">I", value))

    def receive(self):
        """(payload type, payload) of the next data message, or None when the session is over; `closing` then says why."""
        while True:
            received = self.websocket.receive()
            if received is None:
                return None
            head, payload = received[1][:120], received[1][120:]
            length, kind, _, _, sequence, _, identity, digest, payload_type, size = struct.unpack(">I32sIQQQ16s32sII", head)
            assert length == 116 and size == len(payload) and hashlib.sha256(payload).digest() == digest
            kind = kind.decode().strip()
            if kind == CLOSED:
                self.closing = json.loads(payload)["Output"]
                return None
            if kind != OUTPUT:
                continue
            content = {"AcknowledgedMessageType": kind, "AcknowledgedMessageId": str(uuid.UUID(bytes=identity[8:] + identity[:8])),
                       "AcknowledgedMessageSequenceNumber": sequence, "IsSequentialMessage": True}
            with self.lock:
                self.websocket.send(2, self._message(ACKNOWLEDGE, json.dumps(content).encode(), flags=3))
            if sequence == self.expected:
                self.expected += 1
                return payload_type, payload
            assert sequence < self.expected, "messages come in order on one connection"

    def close(self):
        self.websocket.close()


class Mux:
    """smux 1 in a port session; everything on one thread."""

    OPEN, FINISH, PUSH, KEEP_ALIVE = range(4)

    def __init__(self, session):
        self.session, self.buffer = session, b""
        self.next, self.received, self.finished, self.refused = 3, {}, set(), 0

    def _send(self, command, stream, data=b""):
        self.session.send(DATA, struct.pack("<BBHI", 1, command, len(data), stream) + data)

    def open(self):
        stream, self.next = self.next, self.next + 2
        self.received[stream] = b""
        self._send(self.OPEN, stream)
        return stream

    def write(self, stream, data):
        for at in range(0, len(data), 32768):
            self._send(self.PUSH, stream, data[at:at + 32768])

    def finish(self, stream):
        self._send(self.FINISH, stream)

    def pump(self):
        """Takes one message. False when the session is over."""
        message = self.session.receive()
        if message is None:
            return False
        if message[0] == FLAG and struct.unpack(">I", message[1])[0] == CONNECT_ERROR:
            self.refused += 1
        if message[0] != DATA:
            return True
        self.buffer += message[1]
        while len(self.buffer) >= 8:
            version, command, length, stream = struct.unpack("<BBHI", self.buffer[:8])
            assert version == 1 and command <= self.KEEP_ALIVE, self.buffer[:8]
            if len(self.buffer) < 8 + length:
                break
            if command == self.PUSH:
                self.received[stream] += self.buffer[8:8 + length]
            elif command == self.FINISH:
                self.finished.add(stream)
            self.buffer = self.buffer[8 + length:]
        return True

    def read_all(self, stream):
        while stream not in self.finished:
            assert self.pump(), "the session ended"
        return self.received[stream]
