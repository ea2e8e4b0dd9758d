"""libzmq 4.3.5: a ZMTP 2.0 peer whose first frame is a command is named after its next message, of whatever size.

process_routing_id_msg flags the frame as the routing id, session_base_t::push_msg drops it as a command and says that all
went well, and router_t::identify_peer takes what comes next. So the check of the length that RFC 23 asks for would have to
stand there as well, and a request is lost.

Needs pyzmq. Ends with 0 where the defect is there, with 1 where it is not.
"""

import socket
import sys

import zmq

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
NAME = b"n" * 100_000

context = zmq.Context()
router = context.socket(zmq.ROUTER)
port = router.bind_to_random_port("tcp://127.0.0.1")

# A peer of ZMTP 2.0: greeting (revision 1, DEALER), a command, a long frame, and a message.
peer = socket.create_connection(("127.0.0.1", port))
peer.sendall(SIGNATURE + b"\x01\x05" + b"\x04\x00" + b"\x02" + len(NAME).to_bytes(8, "big") + NAME + b"\x00\x01x")
came = router.poll(2000)
routing_id = router.recv_multipart()[0] if came else b""

router.close(linger=0)
print(f"libzmq {zmq.zmq_version()}: the peer has a routing id of {len(routing_id)} bytes")
sys.exit(0 if routing_id == NAME else 1)
