"""Several processes that train as one: how they find each other, and how they part.

`jax.distributed` does the work. What is added: it is started only where flags or the environment
speak of several processes, and what it ends this process with, from C++ and in a page of text, is
told in one line.
"""

import errno
import os
import re
import select
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NoReturn

from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.processes.lost_reader import while_it_is_read
from jaxcnn.processes.stalls import Stalls
from jaxcnn.text.lines import say
from jaxcnn.text.phrases import printable_lines
from jaxcnn.xla.device_errors import no_device, out_of_memory

FAILED = 1
# How long process 0, through which all others speak, outlives its own failure, so that those that
# fail of the same cause can say so.
LINGER_SECONDS = 3
# Glog's lines of what lost processes lead to; the last of them ends this process.
PRELUDE = re.compile(rb"coordination_service|preemption_sync_manager")
END = b"JAX distributed service detected fatal errors"
# All addresses of this machine: those of IPv6 and IPv4, or of IPv4.
ANYWHERE = ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0"))
# What a kernel without IPv6, or with it switched off, says.
NO_SUCH_ADDRESSES = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
# That of this process, once it is one of several, as `jax.distributed` itself has it.
_stalls: Stalls | None = None


@dataclass(frozen=True)
class Distributed:
    """Several processes, a machine each, that run this command as one. TPU VMs, Slurm, Open MPI and
    Kubernetes say all of it themselves."""

    coordinator: str | None = None
    """HOST:PORT at which process 0 is reached by the others; the port must be free there. Whoever
    reaches it can end the run."""
    num_processes: int | None = None
    """How many processes there are; 1 alone: this one by itself, whatever the cluster says."""
    process_id: int | None = None
    """Which of them this is, from 0."""
    timeout: int = 100
    """Seconds to wait for the others at the start, and for one that falls silent, before ending."""
    stall_timeout: int = 1800
    """Seconds to wait for a process that lives but begins no batch, before ending."""


def check(flags: Distributed) -> None:
    """Raises UserError for flags that are out of range or do not go together."""
    given = {
        "--distributed.coordinator": flags.coordinator,
        "--distributed.num-processes": flags.num_processes,
        "--distributed.process-id": flags.process_id,
    }
    missing = [name for name, value in given.items() if value is None]
    if flags.timeout < 1:
        raise UserError(f"--distributed.timeout={flags.timeout} is out of range; give 1 or more")
    if flags.stall_timeout < 1:
        raise UserError(
            f"--distributed.stall-timeout={flags.stall_timeout} is out of range; give 1 or more"
        )
    if flags.num_processes is not None and flags.num_processes < 1:
        raise UserError(
            f"--distributed.num-processes={flags.num_processes} is out of range; give 1 or more"
        )
    alone = flags.num_processes == 1 and len(missing) == 2
    if 0 < len(missing) < 3 and not alone:
        raise UserError(f"{' and '.join(missing)} must be given too; the three go together")
    if flags.coordinator is not None and not re.fullmatch(r".+:\d{1,5}", flags.coordinator):
        raise UserError(
            f"--distributed.coordinator={flags.coordinator} is not HOST:PORT, as 10.0.0.1:8476 is"
        )
    if flags.process_id is not None and flags.num_processes is not None:
        last = flags.num_processes - 1
        if not 0 <= flags.process_id <= last:
            raise UserError(
                f"--distributed.process-id={flags.process_id} is out of range; give 0 to {last}"
            )


def several_indicated() -> bool:
    """Whether the environment says that this process may be one of several.

    `jax.distributed` finds out the rest; its own look round takes anything that runs on Kubernetes
    for one of several.
    """
    env = os.environ
    return (
        # Set by srun, not in a batch script itself.
        ("SLURM_STEP_NODELIST" in env and int(env.get("SLURM_NTASKS", 1)) > 1)
        or int(env.get("OMPI_COMM_WORLD_SIZE", 1)) > 1
        or "JOB_COMPLETION_INDEX" in env  # Kubernetes: an indexed job, a JobSet's too.
        # Set when jax is imported where there are TPU chips: they may be part of a larger slice.
        or env.get("TPU_ML_PLATFORM") == "JAX"
    )


def join(flags: Distributed, program: str) -> None:
    """Connects this process with the others, if there are any. To be called before any other use
    of JAX; `program` is whose name is at the start of lines that say why it ended.

    Raises UserError for wrong flags, RunError where a cluster's description is not understood.
    Where the others do not come in time, the process ends with one line and status 1.
    """
    check(flags)
    import jax

    explicit = flags.coordinator is not None
    if flags.num_processes == 1 or not (explicit or several_indicated()):
        return
    listen_at = None
    if flags.coordinator is not None and flags.process_id == 0:
        listen_at = _listening_address(flags.coordinator, lambda line: say(f"{program}: {line}"))
    messages = _NativeMessages(program)
    late = threading.Timer(flags.timeout, messages.end, [_nobody_there(flags)])
    late.start()
    try:
        jax.distributed.initialize(
            flags.coordinator,
            flags.num_processes,
            flags.process_id,
            coordinator_bind_address=listen_at,
            initialization_timeout=flags.timeout,
            heartbeat_timeout_seconds=flags.timeout,
            shutdown_timeout_seconds=flags.timeout,
            # Its own look round would add to flags what they do not say: one GPU a process.
            cluster_detection_method="deactivate" if explicit else None,
        )
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"the processes of this cluster did not find each other ({reason}); "
            "name them by --distributed.coordinator, .num-processes and .process-id"
        ) from error
    finally:
        late.cancel()
    global _stalls
    _stalls = Stalls(flags.stall_timeout, messages.end)


def begin_batch() -> None:
    """Tells the other processes, if there are any, that this one goes on.

    All call it alike, once they have read the batch and before they wait for each other with it.
    """
    if _stalls is not None:
        _stalls.begin_batch()


def is_first() -> bool:
    """Whether this process speaks and writes for the run: one of several does."""
    import jax

    # Asked of a process by itself, `process_index` would start its devices.
    return not jax.distributed.is_initialized() or jax.process_index() == 0


@contextmanager
def joined(flags: Distributed, program: str) -> Iterator[None]:
    """Within it this process is connected with the others, if there are any; see `join`.

    Raises RunError where a connection to them is lost.
    """
    import jax

    join(flags, program)
    try:
        yield
        _part()
    except Interrupted:
        _part()  # All were interrupted, at the same step.
        raise
    except (UserError, RunError):
        raise
    except Exception as error:
        if not jax.distributed.is_initialized():
            raise
        if reason := no_device(error) or out_of_memory(error):
            raise UserError(reason) from error
        if isinstance(error, jax.errors.JaxRuntimeError) and not _is_its_own(error):
            # Which process is gone is known when its silence has lasted, and ends this one.
            time.sleep(flags.timeout + LINGER_SECONDS)
            raise RunError(f"lost the other processes: {' '.join(str(error).split())}") from error
        sys.stderr.write(printable_lines(traceback.format_exc()))
        leave(FAILED)


def _part() -> None:
    import jax

    # Waits for the others: process 0 may still be drawing. Until then they see this one's count.
    jax.distributed.shutdown()
    if _stalls is not None:
        _stalls.stop()


def leave(status: int) -> int:
    """Ends this process with `status` if it failed and others may wait for it; else returns it.

    They find out by its silence, and end too.
    """
    jax = sys.modules.get("jax")
    if jax is None or not jax.distributed.is_initialized():
        return status
    if jax.process_index() == 0:
        time.sleep(LINGER_SECONDS)
    _end(status)


def _is_its_own(error: Exception) -> bool:
    """Whether a device's error has its cause in this process: no memory, a wrong program."""
    return str(error).startswith(("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "UNIMPLEMENTED"))


def _listening_address(coordinator: str, tell: Callable[[str], None]) -> str:
    """Where process 0 listens: at the coordinator's own address, for nobody is asked who they are.

    At all of this machine's where that is none of them, as behind a router, and `tell` is told. jax
    takes for granted that there is IPv6.

    Raises UserError where it cannot; jax's own attempt ends in a crash.
    """
    host, _, digits = coordinator.rpartition(":")
    port, reason = int(digits), ""
    for family, address in (*_own_addresses(host), *ANYWHERE):
        try:
            with socket.socket(family) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            if getattr(error, "errno", None) not in NO_SUCH_ADDRESSES:
                break
        else:
            if (family, address) in ANYWHERE:
                tell(f"{host} is no address of this machine's; process 0 listens at all of them")
            return f"[{address}]:{port}" if family == socket.AF_INET6 else f"{address}:{port}"
    raise UserError(
        f"--distributed.coordinator={coordinator}: process 0 cannot listen there "
        f"({reason}); give another port"
    )


def _own_addresses(host: str) -> list[tuple[int, str]]:
    """Family and address of what may be this machine, IPv4 first; none for a name not known here.

    On Debian a machine's own name is an address that only it reaches, 127.0.1.1, which none is.
    """
    host = host.strip("[]")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    addresses = sorted({(int(family), str(place[0])) for family, *_, place in found})
    if host in {"localhost", *(address for _, address in addresses)}:
        return addresses
    return [(f, address) for f, address in addresses if not ip_address(address).is_loopback]


def _nobody_there(flags: Distributed) -> str:
    if flags.process_id == 0:
        return (
            f"not all of {flags.num_processes} processes came within {flags.timeout} s; start them "
            "with the same --distributed.coordinator, or give a longer --distributed.timeout"
        )
    where = f" at {flags.coordinator}" if flags.coordinator else ""
    return (
        f"process 0{where} was not reached within {flags.timeout} s; start it, "
        "or give a longer --distributed.timeout"
    )


class _NativeMessages:
    """What C++ writes to the standard streams, read before anyone sees it.

    Python's own streams stay as they are. What jax says at a lost process becomes one line and
    status 1; all else goes to standard error. To standard output there is but Gloo's list of
    connections, which nobody needs.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout = os.fdopen(os.dup(1), "w", buffering=1, errors="replace")
        # Were it to fail, what C++ writes would be read no more, and C++ would wait.
        sys.stderr = while_it_is_read(os.fdopen(os.dup(2), "w", buffering=1, errors="replace"))
        self._source, sink = os.pipe()
        os.dup2(sink, 2)
        os.close(sink)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        threading.Thread(target=self._read, daemon=True).start()

    def end(self, reason: str) -> NoReturn:
        """Ends this process with one line, whatever its other threads wait for."""
        say(f"{self._program}: {reason}")
        _end(FAILED)

    def _read(self) -> None:
        held = b""
        while True:
            # A prelude is kept back until it is known to be one.
            if held and not select.select([self._source], [], [], 1)[0]:
                sys.stderr.write(printable_lines(held.decode(errors="replace")))
                held = b""
            held += os.read(self._source, 2**16)
            if END in held:
                self.end(reason_of_end(held.decode(errors="replace")))
            if not PRELUDE.search(held):
                sys.stderr.write(printable_lines(held.decode(errors="replace")))
                held = b""


def reason_of_end(message: str) -> str:
    """What jax's last words say of why it ends the process, with the lost processes named."""
    again = "start all again to go on from the last checkpoint"
    silent = re.search(r"stopped sending heartbeats\):\s*((?:\d+[,\s]*)+)", message)
    if silent:
        lost = sorted(re.findall(r"\d+", silent[1]), key=int)
        named = f"process {lost[0]} is" if len(lost) == 1 else f"processes {', '.join(lost)} are"
        return f"{named} gone or silent; what it printed last may say why; {again}"
    if re.search(r"DEADLINE_EXCEEDED[^/]*RPC: \S*/RegisterTask", message):
        return "process 0 cannot be reached; is --distributed.coordinator its address?"
    if re.search(r"Failed to send RPC|RPC: \S*/Heartbeat", message):
        return f"process 0 is gone or silent; what it printed last may say why; {again}"
    status = message.split("absl::Status:")[-1].strip().splitlines()
    return f"another process is lost ({status[0] if status else 'no reason given'}); {again}"


def _end(status: int) -> NoReturn:
    """Ends without waiting for other processes or threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
