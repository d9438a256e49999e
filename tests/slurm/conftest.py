"""A real SLURM of two nodes on this machine, each in a network namespace of its own.

Asked for by DISTNET_SLURM=1; needs root and Debian's slurmctld, slurmd, slurm-client and munge. The
nodes have two cores each whatever the machine has, an address, a host name, and a /dev/shm of their
own, so MPI takes them for hosts.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAMS = ("slurmctld", "slurmd", "munged", "srun", "sbatch", "ip", "nsenter", "unshare")
NODES = ("n1", "n2")

SLURM_CONF = """\
ClusterName=distnet
SlurmctldHost=ctl(10.77.0.254)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=pmi2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=20
MessageTimeout=100
TCPTimeout=30
SchedulerParameters=batch_sched_delay=0,sched_interval=2,requeue_delay=1
{nodes}
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 State=UP
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF State=UP
"""


class Cluster:
    """The daemons, and commands in the place of a user on the control node."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.tag = f"dn{os.getpid()}"
        self.env = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Bring everything up and wait until all nodes are idle."""
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        nodes = "\n".join(
            f"NodeName={name} NodeAddr=10.77.0.{k} CPUs=2 RealMemory=1000 State=UNKNOWN"
            for k, name in enumerate(NODES, 1)
        )
        text = SLURM_CONF.format(folder=self.folder, nodes=nodes)
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        self._network()
        at = self.folder
        self._daemon(
            ["munged", "--foreground", "--force", f"--socket={at}/munge.socket",
             f"--key-file={key}", f"--pid-file={at}/munged.pid", f"--log-file={at}/munged.log",
             f"--seed-file={at}/munged.seed"]
        )  # fmt: skip
        self._daemon(self._inside("ctl", ["slurmctld", "-D", "-c"]))
        for name in NODES:
            self._daemon(self._inside(name, ["slurmd", "-D", "-N", name]))
        self._wait_for_nodes()

    def stop(self) -> None:
        """End the daemons and remove the namespaces."""
        for daemon in reversed(self._daemons):
            with suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGTERM)
        for daemon in self._daemons:
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(daemon.pid, signal.SIGKILL)
        for name in ("ctl", *NODES):
            subprocess.run(["ip", "netns", "del", f"{self.tag}{name}"], check=False)

    def _network(self) -> None:
        for k, name in enumerate(("ctl", *NODES)):
            space, address = f"{self.tag}{name}", f"10.77.0.{k or 254}/24"
            self._ip("netns", "add", space)
            self._ip("-n", space, "link", "set", "lo", "up")
            if name == "ctl":
                self._ip("-n", space, "link", "add", "br0", "type", "bridge")
                self._ip("-n", space, "addr", "add", address, "dev", "br0")
                self._ip("-n", space, "link", "set", "br0", "up")
                continue
            control = f"{self.tag}ctl"
            pair = ["type", "veth", "peer", "name", "eth0", "netns", space]
            self._ip("-n", control, "link", "add", f"v{name}", *pair)
            self._ip("-n", control, "link", "set", f"v{name}", "master", "br0", "up")
            self._ip("-n", space, "addr", "add", address, "dev", "eth0")
            self._ip("-n", space, "link", "set", "eth0", "up")

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)

    def _inside(self, name: str, command: list[str]) -> list[str]:
        """A command on a node: its network, host name and shared memory."""
        # nsenter and not `ip netns exec`, which would hide the tree of cgroups.
        setup = f'hostname {name}; mount -t tmpfs tmpfs /dev/shm; exec "$@"'
        net = f"--net=/run/netns/{self.tag}{name}"
        unshare = ["unshare", "--uts", "--ipc", "--mount", "sh", "-c", setup, "sh"]
        return ["nsenter", net, *unshare, *command]

    def _daemon(self, command: list[str]) -> None:
        log = (self.folder / f"daemon-{len(self._daemons)}.log").open("wb")
        self._daemons.append(
            subprocess.Popen(command, env=self.env, stdout=log, stderr=log, start_new_session=True)
        )

    def _wait_for_nodes(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            done = self.run(["sinfo", "-h", "-p", "low", "-t", "idle", "-o", "%D"], check=False)
            if done.stdout.strip() == str(len(NODES)):
                return
            time.sleep(0.3)
        logs = "\n".join(f"{p.name}: {p.read_text()[-800:]}" for p in self.folder.glob("*.log"))
        raise RuntimeError(f"SLURM did not come up\n{done.stdout}{done.stderr}\n{logs}")

    def run(
        self, command: list[str], timeout: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the control node."""
        return subprocess.run(
            self._inside("ctl", command),
            env=self.env,
            timeout=timeout,
            check=check,
            capture_output=True,
            text=True,
        )

    def distnet(self, *arguments: object, options: str = "-N2 -n4", timeout: float = 120) -> str:
        """Run distnet by srun; what it printed."""
        command = [sys.executable, "-m", "launch", *map(str, arguments)]
        done = self.run(["srun", *options.split(), *command], timeout, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait_for_text(self, path: Path, text: str, timeout: float = 120) -> None:
        """Wait until a file holds some text."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if path.exists() and text in path.read_text():
                return
            time.sleep(0.1)
        raise TimeoutError(f'{path} does not hold "{text}"')

    def wait_for_job(self, job: str, timeout: float = 120) -> str:
        """Wait until a job has left the queue; what SLURM last said of it.

        A job that was put back is started after ten seconds, not after SLURM's two minutes.
        """
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            done = self.run(["scontrol", "show", "job", job], check=False)
            state = re.search(r"JobState=(\w+)", done.stdout)
            if state and state[1] not in ("PENDING", "RUNNING", "COMPLETING"):
                return done.stdout
            if "Reason=BeginTime" in done.stdout:
                # Not before the daemons of the first step have ended: they remove its sockets, and
                # the second step has the same number.
                time.sleep(10)
                now = ["scontrol", "update", f"JobId={job}", "StartTime=now"]
                self.run(now, check=False)
            time.sleep(0.3)
        raise TimeoutError(f"job {job} is still there: {done.stdout}")


@pytest.fixture(scope="session")
def cluster(repo) -> Iterator[Cluster]:
    """A running cluster."""
    if os.environ.get("DISTNET_SLURM") != "1":
        pytest.skip("a SLURM cluster is started only when DISTNET_SLURM=1 asks for it")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.fail(f"SLURM needs root and {', '.join(missing) or 'its programs'}")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    found = Cluster(folder)
    found.env["PYTHONPATH"] = str(repo)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)
