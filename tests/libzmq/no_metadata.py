"""libzmq 4.3.5: messages of ZMTP 1.0 and 2.0 peers don't tell where they come from.

The metadata of a connection, Peer-Address among it, is made when the security mechanism is done. ZMTP 1.0 and 2.0 have
none.

Needs pyzmq. Ends with 0 where the defect is there, with 1 where it is not.
"""

import socket
import sys

import zmq

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"

context = zmq.Context()
rep = context.socket(zmq.REP)
port = rep.bind_to_random_port("tcp://127.0.0.1")


def address_of_sender():
    try:
        return rep.recv(copy=False).get("Peer-Address")
    except zmq.ZMQError as error:
        return f"nothing ({error})"


req = context.socket(zmq.REQ)
req.connect(f"tcp://127.0.0.1:{port}")
req.send(b"question")
of_zmtp_3 = address_of_sender()
rep.send(b"answer")

# A peer of ZMTP 2.0: greeting (revision 1, REQ), an empty identity, and a message with its delimiter.
peer = socket.create_connection(("127.0.0.1", port))
peer.sendall(SIGNATURE + b"\x01\x03" + b"\x00\x00" + b"\x01\x00" + b"\x00\x01x")
of_zmtp_2 = address_of_sender()

req.close(linger=0)
rep.close(linger=0)
print(f"libzmq {zmq.zmq_version()}: Peer-Address of ZMTP 3.1: {of_zmtp_3}; of ZMTP 2.0: {of_zmtp_2}")
sys.exit(0 if of_zmtp_3 == "127.0.0.1" and of_zmtp_2 != of_zmtp_3 else 1)
