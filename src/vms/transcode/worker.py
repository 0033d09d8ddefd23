"""A process that decodes video of cameras, which nobody vouches for.

It is given jobs on standard input and answers on standard output. It has no keys, no database and,
where the system allows, no network; its memory is limited, and it ends with its parent.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

from vms.common import VmsError
from vms.transcode.jobs import LENGTH, MAX_MESSAGE, Answer, Job, Picture, Refused, pack, read_job
from vms.transcode.picture import sprite, still

MEMORY_BYTES = 3 << 30
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def shut_in(parent: int, memory_bytes: int = MEMORY_BYTES) -> None:
    """Give up what decoding does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Refused by some systems and containers; the other fences stand then.
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWNET)
    if os.getppid() != parent:
        raise SystemExit(0)


def answer(job: Job) -> Answer:
    """Do a job."""
    try:
        return still(job) if isinstance(job, Picture) else sprite(job)
    except VmsError as error:
        return Refused(error.code, error.message)
    except MemoryError:
        return Refused("picture_too_large", "the video needs more memory than a worker may have")


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Do every job until there are no more."""
    while True:
        head = jobs.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return
        (size,) = LENGTH.unpack(head)
        if size > MAX_MESSAGE:
            return
        answers.write(pack(answer(read_job(jobs.read(size)))))
        answers.flush()


def bow() -> None:
    """Have the processor only while nobody else wants it."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    if "lowly" in sys.argv[2:]:
        bow()
    shut_in(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
