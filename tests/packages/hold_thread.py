"""Holds one thread of a process still (ptrace), until it is killed or this program is."""

import ctypes
import os
import sys

ATTACH, WAIT_ALSO_FOR_THREADS = 16, 0x40000000

thread = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
if libc.ptrace(ATTACH, thread, None, None) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(thread, WAIT_ALSO_FOR_THREADS)
print("held", flush=True)
# While it is held, only its end is news. That must be taken before its parent hears of it.
os.waitpid(thread, WAIT_ALSO_FOR_THREADS)
