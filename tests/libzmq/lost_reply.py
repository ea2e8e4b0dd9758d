"""libzmq 4.3.5: a REP socket drops a reply after a request without a delimiter from a peer that has gone.

The peer's request is malformed and is rightly dropped. But router_t::rollback leaves _more_out set where the peer's pipe
no longer takes messages, and so the next reply, to somebody else, is taken for the rest of a message and dropped.

Needs pyzmq. Ends with 0 where the defect is there, with 1 where it is not.
"""

import socket
import sys

import zmq
from zmq.utils.monitor import recv_monitor_message

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"

context = zmq.Context()
rep = context.socket(zmq.REP)
gone = rep.get_monitor_socket(zmq.EVENT_DISCONNECTED)
port = rep.bind_to_random_port("tcp://127.0.0.1")

# A peer of ZMTP 2.0: greeting (revision 1, REQ), an empty identity, and a message of one frame.
peer = socket.create_connection(("127.0.0.1", port))
peer.sendall(SIGNATURE + b"\x01\x03" + b"\x00\x00" + b"\x00\x01x")
peer.close()
recv_monitor_message(gone)
rep.disable_monitor()

req = context.socket(zmq.REQ)
req.connect(f"tcp://127.0.0.1:{port}")
req.send(b"question")
rep.send(rep.recv() + b" answered")
came = req.poll(2000)

req.close(linger=0)
rep.close(linger=0)
print(f"libzmq {zmq.zmq_version()}: the reply {'came' if came else 'was lost'}")
sys.exit(1 if came else 0)
