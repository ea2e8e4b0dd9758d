"""Reads `perf script -F pid,tid,ip,sym` of a registry under load, and prints in which stage of a lookup it was.

Works on stacks of a build with frame pointers (docs/performance.md has the commands). libc has none, so a system call's
stack ends at its libc wrapper: those are told apart by what the kernel was doing. Knows libzmq 4.3.5's names.
"""

import re
import sys
from collections import Counter

# In this order, the first that a stack matches: the stage, and the pattern of a name anywhere in the stack.
MAIN = [
    ("wake the I/O thread", r"^unix_stream_sendmsg$|^__send$|eventfd_write|^(__)?write$"),
    ("wait for a message", r"^__poll$|do_sys_poll|unix_stream_recvmsg|^__libc_recv$|eventfd_read|^(__)?read$"),
    ("parse", r"wire::parse|wire::scan|from_utf8|serde_json"),
    ("hash and look up", r"Memory as .*Store>::get|HashMap<.*get_key_value"),
    ("the rest of act", r"Registry::answer"),
    ("take the message from libzmq", r"^zmq_msg_recv$|::recv|::xrecv|mailbox_t::recv|process_command"),
    ("hand the reply to libzmq", r"^zmq_msg_send$|::send\b|::xsend"),
    ("copy the reply, free the request", r"Rep::(reply|serve)|malloc|free|memmove|memcpy|zmq::msg_t|zmq_msg_"),
]
IO = [
    ("wake the main thread", r"^unix_stream_sendmsg$|eventfd_write"),
    ("take the main thread's signal", r"^unix_stream_(recvmsg|read_generic)$|eventfd_read|^__poll$"),
    ("kernel: send, to the client's socket", r"softirq|__local_bh_enable_ip"),
    ("kernel: send, our side", r"sys_sendto|tcp_sendmsg|^__send$"),
    ("kernel: receive", r"sys_recvfrom|tcp_recvmsg|^__libc_recv$"),
    ("epoll_wait", r"epoll_wait"),
    ("epoll_ctl, writable or not", r"epoll_ctl"),
    ("libzmq: decode", r"in_event_internal|decode|push_msg|write_zap|process_msg"),
    ("libzmq: encode", r"out_event|restart_output|encode|pull_msg"),
    ("libzmq: commands between threads", r"mailbox|process_command|io_thread_t::in_event|send_activate|signaler"),
    ("libzmq: event loop", r"epoll_t::loop"),
]


def samples(lines):
    """Yields (is_main, names in the stack) of each sample."""
    main, names = None, []
    for line in lines:
        head = re.match(r"^\s*(\d+)/(\d+)\s*:?\s*$", line)
        if head:
            main, names = head[1] == head[2], []
        elif line.strip():
            names.append(re.sub(r"\+0x[0-9a-f]+$", "", line.split(None, 1)[1].strip()))
        elif main is not None:
            yield main, names
            main = None
    if main is not None:
        yield main, names


def stage(is_main, names):
    for name, pattern in MAIN if is_main else IO:
        if any(re.search(pattern, frame) for frame in names):
            return name
    return "other"


def table(stacks):
    counted = Counter((is_main, stage(is_main, names)) for is_main, names in stacks)
    total = sum(counted.values())
    rows = []
    for is_main, thread, stages in ((False, "I/O", IO), (True, "main", MAIN)):
        for name in [name for name, _ in stages] + ["other"]:
            rows.append((thread, name, counted[is_main, name] / total))
    return total, rows


if __name__ == "__main__":
    total, rows = table(samples(sys.stdin))
    print(f"{total} samples\n\n| thread | stage | share |\n|---|---|---|")
    for thread, name, share in rows:
        print(f"| {thread} | {name} | {share:.1%} |")
