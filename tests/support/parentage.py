"""Child processes that do not outlive the tests, however these end."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def dying_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a ``preexec_fn`` that has the kernel send ``number`` to the child once this process is gone.

    The kernel means the thread that started the child, so that thread must be the main one.
    """
    assert threading.current_thread() is threading.main_thread(), "it would die with this thread"
    parent = os.getpid()

    def arrange() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # It died before the kernel was asked.
            os._exit(1)

    return arrange
