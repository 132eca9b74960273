"""What takes the place of a file takes it in one step, or leaves it as it was: save() and erlang.tab2file()."""

import contextlib
import errno
import os
import resource
import signal

import pytest

import partita
from partita import _core, erlang


def save(table, path):
    partita.save(table, path)


def tab2file(table, path):
    erlang.tab2file(table, path, sync=True)


WRITERS = {save: partita.load, tab2file: erlang.file2tab}


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.__name__)
def write(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table"


def table_of(*rows):
    t = partita.Table()
    t.insert(list(rows))
    return t


def test_a_link_stays_a_link_and_permissions_stay(write, tmp_path, path):
    write(table_of((1,)), path)
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    write(table_of((2,)), link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert WRITERS[write](path).tolist() == [(2,)]


def test_what_is_no_file_stays_what_it_is(write, tmp_path):
    t = table_of((1,))
    with pytest.raises(FileNotFoundError) as caught:
        write(t, tmp_path / "nowhere" / "table")
    assert caught.value.errno == errno.ENOENT
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write(t, folder)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="Invalid argument"):
        write(t, pipe)
    assert pipe.is_fifo()
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


@contextlib.contextmanager
def files_no_larger_than(size):
    """Stands for a full disk: the write is cut short, then fails."""
    old, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (old, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_full_disk_leaves_the_old_file(write, path, size):
    write(table_of((1, "old")), path)
    t = table_of(*((i, str(i * 7919)) for i in range(10_000)))
    with files_no_larger_than(size), pytest.raises(OSError, match="File too large") as caught:
        write(t, path)
    assert caught.value.errno == errno.EFBIG
    # Although the exception, and with it the frame that wrote, is still there.
    assert os.listdir(path.parent) == [path.name]
    assert WRITERS[write](path).tolist() == [(1, "old")]


@pytest.mark.parametrize("argument", [None, 5, b"", "", "with\0zero"])
def test_what_is_no_path(write, argument):
    with pytest.raises((TypeError, ValueError), match="path is"):
        write(table_of(), argument)


def test_the_place_may_be_lost_meanwhile(path):
    file = _core.FileReplacement(os.fsencode(path))
    file.write(b"new")
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        file.commit(sync=True)
    assert len(os.listdir(path.parent)) == 2
    file.close()
    assert os.listdir(path.parent) == [path.name]
    file.close()


@pytest.mark.parametrize("committed", [False, True])
def test_nothing_is_written_after_the_end(path, committed):
    file = _core.FileReplacement(os.fsencode(path))
    file.write(b"new")
    if committed:
        file.commit(sync=False)
    else:
        file.close()
    with pytest.raises(OSError, match="closed"):
        file.write(b"more")
    with pytest.raises(OSError, match="closed"):
        file.commit(sync=False)
    assert path.exists() == committed


def test_a_child_neither_goes_on_nor_removes(path):
    """The file belongs to the process that began it."""
    file = _core.FileReplacement(os.fsencode(path))
    file.write(b"parent")
    child = os.fork()
    if child == 0:
        refused = 0
        for call in (lambda: file.write(b"child"), lambda: file.commit(sync=False)):
            try:
                call()
            except OSError as error:
                refused += "another process" in str(error)
        file.close()
        os._exit(refused)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    file.commit(sync=False)
    assert path.read_bytes() == b"parent"
