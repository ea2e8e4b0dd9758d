"""libzmq 4.3.5: ZMQ_HANDSHAKE_IVL does not end the handshake of a ZMTP 1.0 peer that has sent one byte.

6cc694d8 (#4106) ends the timer when the greeting is done, which in ZMTP 1.0 is the first byte. The peer has not said who it
is, and may stay for ever without doing so. The timer should end with the message that says it.

Needs pyzmq. Ends with 0 where the defect is there, with 1 where it is not.
"""

import socket
import sys

import zmq

IVL = 200

context = zmq.Context()
rep = context.socket(zmq.REP)
rep.handshake_ivl = IVL
port = rep.bind_to_random_port("tcp://127.0.0.1")


def is_closed(said):
    """Whether a peer that says this and nothing more is closed within ten times the limit."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(said)
        peer.settimeout(10 * IVL / 1000)
        try:
            while peer.recv(100):
                pass
            return True
        except TimeoutError:
            return False


silent, one_byte = is_closed(b""), is_closed(b"\x01")

rep.close(linger=0)
print(f"libzmq {zmq.zmq_version()}: a silent peer is closed: {silent}; one that has sent a byte: {one_byte}")
sys.exit(0 if silent and not one_byte else 1)
