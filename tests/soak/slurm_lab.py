"""A Slurm cluster of three virtual nodes on this machine, with fake GPUs and one licence.

It needs root, and Debian's ``slurm-wlm`` and ``munge``. All it writes stands in one folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NODES = ("n1", "n2", "n3")
CPUS_PER_NODE = 2
GPUS_PER_NODE = 2
DOWN_AFTER_SECONDS = 5
"""After this long without an answer a node counts as dead (Slurm's default: 300)."""

_NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")

_CONF = """\
ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
CredType=cred/munge
SlurmctldPort={controller_port}
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout={down_after}
KillWait=2
MinJobAge=300
DefMemPerCPU=100
JobRequeue=1
GresTypes=gpu
Licenses=vivado:1
SlurmdParameters=config_overrides
NodeName=n[1-3] NodeHostname=localhost NodeAddr=127.0.0.1 Port={node_ports} CPUs={cpus} Boards=1 \
SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory=4000 Gres=gpu:{gpus} \
State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Return why there can be no lab here; None where there can."""
    if os.geteuid() != 0:
        return "a Slurm lab needs root"
    absent = [command for command in _NEEDED if shutil.which(command) is None]
    return f"no {', '.join(absent)}; install slurm-wlm and munge" if absent else None


def until(holds: Callable[[], object], what: str, *, seconds: float = 30.0) -> None:
    """Wait until something holds, or fail saying what did not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


@dataclass
class SlurmLab:
    """A running cluster.

    Attributes:
        folder: Its folder, for everybody to read.
        environment: What Slurm's commands need in their environment (``SLURM_CONF``).
    """

    folder: Path
    environment: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        """Return what one of Slurm's commands prints."""
        return subprocess.run(
            command,
            env={**os.environ, **self.environment},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def states(self) -> dict[str, str]:
        """Return the state of each node, such as ``idle`` or ``down*``."""
        lines = self.run("sinfo", "--noheader", "-N", "-o", "%N %t").splitlines()
        return dict(line.split() for line in lines)

    def start_node(self, node: str) -> None:
        """Start a node that was killed, and wait until it takes jobs."""
        self._start_daemon(node)
        until(lambda: self.states()[node] == "idle", f"node {node} idle")

    def kill_node(self, node: str) -> None:
        """Let a node die with all that runs on it, as when its power fails."""
        self.kill_daemon(node)
        jobs = self._jobs_on(node)
        # Their parents first: slurmstepd would tell the controller that they ended.
        for pid in [*_watchers(jobs), *jobs]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_daemon(self, node: str) -> None:
        """Let Slurm lose a node whose jobs go on, as when its network fails."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(self._pid_file(f"slurmd-{node}").read_text()), signal.SIGKILL)

    def start_requeued_now(self, job: str) -> None:
        """Spare a requeued job the two minutes that Slurm lets it wait."""
        self.run("scontrol", "update", f"JobId={job}", "StartTime=now")

    def cancel_all(self) -> None:
        """End all jobs, bring back all nodes, and wait until all are idle."""
        for node, state in self.states().items():
            if state.startswith("down"):
                self.start_node(node)
        until(self._has_no_job, "no job left")
        until(self._is_idle, f"all nodes idle: {self.states()}")

    def start(self) -> None:
        """Start the cluster and wait until its nodes take jobs.

        Raises:
            CalledProcessError: A daemon does not start; its output is in ``folder / "log"``.
        """
        self._write_configuration()
        _run(
            [
                "munged",
                "--force",
                f"--key-file={self.folder}/munge/munge.key",
                f"--seed-file={self.folder}/munge/munged.seed",
                f"--socket={self.folder}/run/munge.sock",
                f"--pid-file={self.folder}/run/munged.pid",
                f"--log-file={self.folder}/log/munged.log",
            ]
        )
        _run(["slurmctld", "-f", self.environment["SLURM_CONF"]])
        for node in NODES:
            self._start_daemon(node)
        until(self._is_idle, "three idle nodes")

    def stop(self) -> None:
        """End every process of the cluster."""
        for node in NODES:
            self.kill_node(node)
        for name in ("slurmctld", "munged"):
            with suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int(self._pid_file(name).read_text()), signal.SIGKILL)

    def _start_daemon(self, node: str) -> None:
        _run(["slurmd", "-f", self.environment["SLURM_CONF"], "-N", node])

    def _pid_file(self, name: str) -> Path:
        return self.folder / "run" / f"{name}.pid"

    def _has_no_job(self) -> bool:
        self.run("scancel", "--quiet", "--user=root")  # again: its worker's end may requeue a job
        return not self.run("squeue", "--noheader").strip()

    def _is_idle(self) -> bool:
        return self.states() == dict.fromkeys(NODES, "idle")

    def _jobs_on(self, node: str) -> set[int]:
        """Return the processes of this lab's jobs on a node."""
        mine = {
            f"SLURM_CONF={self.environment['SLURM_CONF']}".encode(),
            f"SLURMD_NODENAME={node}".encode(),
        }
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                if mine <= set((process / "environ").read_bytes().split(b"\0")):
                    found.add(int(process.name))
        return found - {os.getpid()}

    def _write_configuration(self) -> None:
        for name in ("run", "log", "ctld", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "munge").mkdir(mode=0o700)
        key = self.folder / "munge" / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        for index in range(GPUS_PER_NODE):
            # Slurm takes character devices only; this one is /dev/null's.
            os.mknod(self.folder / f"gpu{index}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        controller_port, *node_ports = _free_ports(1 + len(NODES))
        (self.folder / "slurm.conf").write_text(
            _CONF.format(
                folder=self.folder,
                controller_port=controller_port,
                node_ports=f"[{','.join(map(str, node_ports))}]",
                down_after=DOWN_AFTER_SECONDS,
                cpus=CPUS_PER_NODE,
                gpus=GPUS_PER_NODE,
            )
        )
        files = f"{self.folder}/gpu[0-{GPUS_PER_NODE - 1}]"
        (self.folder / "gres.conf").write_text(f"NodeName=n[1-3] Name=gpu File={files}\n")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")


@contextmanager
def running_lab(folder: Path) -> Iterator[SlurmLab]:
    """Run a cluster as long as the context lasts; ``folder`` exists and its path is short."""
    lab = SlurmLab(folder)
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _watchers(jobs: set[int]) -> set[int]:
    found = set()
    for job in jobs:
        with suppress(OSError):  # it ended meanwhile
            parent = int(Path(f"/proc/{job}/stat").read_text().rpartition(")")[2].split()[1])
            if Path(f"/proc/{parent}/cmdline").read_bytes().startswith(b"slurmstepd"):
                found.add(parent)
    return found


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return sorted(each.getsockname()[1] for each in sockets)
