from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from crmkit.db.server import processes

from .conftest import first_line

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import NewProcess, NewServer


def pid_of(data: Path) -> int:
    found = processes.find_postmaster(data / "data")
    return found.pid if found else 0


def test_a_second_process_adopts_and_does_not_stop_it(
    new_server: NewServer, new_process: NewProcess, data: Path
) -> None:
    server = new_server()
    server.start()
    pid = pid_of(data)
    other = new_process(data)

    assert str(pid) == first_line(other).split()[0]
    other.communicate()
    assert 0 == other.returncode
    assert server.is_alive()
    assert pid == pid_of(data)


def test_the_starter_does_not_stop_it_below_others(
    new_server: NewServer, new_process: NewProcess, data: Path
) -> None:
    command = new_process(data)
    pid = first_line(command).split()[0]
    server = new_server()
    server.start()
    command.communicate()

    assert 0 == command.returncode
    assert server.is_alive()
    assert pid == str(pid_of(data))


def test_the_last_one_to_leave_stops_it(new_server: NewServer, data: Path) -> None:
    first, second = new_server(), new_server()
    first.start()
    second.start()
    first.stop()

    assert second.is_alive()
    second.stop()
    assert 0 == pid_of(data)


def test_after_our_own_kill_the_server_lives_and_is_adopted(
    new_server: NewServer, new_process: NewProcess, data: Path
) -> None:
    process = new_process(data)
    pid = first_line(process).split()[0]
    process.kill()
    process.wait()
    server = new_server()
    server.start()

    assert pid == str(pid_of(data))
    server.stop()
    assert 0 == pid_of(data)


def test_of_two_starts_at_once_one_starts_and_the_other_adopts(
    new_process: NewProcess, data: Path
) -> None:
    both = [new_process(data), new_process(data)]
    lines = [first_line(process) for process in both]

    assert lines[0] == lines[1]
    assert lines[0].split()[0].isdigit()


def test_a_process_that_just_exits_stops_its_server(new_process: NewProcess, data: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom crmkit.db.server import EmbeddedServer\n"
        "print(EmbeddedServer(Path(sys.argv[1])).start().host)\n"
    )
    process = new_process(data, code=code)
    process.communicate()

    assert 0 == process.returncode
    assert 0 == pid_of(data)


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(
    new_server: NewServer, data: Path
) -> None:
    new_server().start()
    pid = pid_of(data)

    assert pid == os.getsid(pid)


def test_a_forked_copy_leaves_its_parents_server_alone(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    pid = os.fork()
    if pid == 0:
        server.stop()
        os._exit(0)
    os.waitpid(pid, 0)

    assert server.is_alive()


def test_a_start_waits_for_a_server_that_shuts_down(new_server: NewServer, data: Path) -> None:
    server = new_server()
    server.start()
    old = pid_of(data)
    os.kill(old, signal.SIGTERM)
    server.start()

    assert server.is_alive()
