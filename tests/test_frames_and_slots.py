"""What runner and worker processes share: frames on a socket, and one small record per worker."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docparse_runner._gate import Phase
from docparse_runner.executors._frames import MAX_FRAME, Channel, Inbox, frame
from docparse_runner.executors._slots import SIZE, Slots

NOTHING = (-1, 0.0, Phase.IDLE, 0)


def drain(inbox):
    """Return all frames that are complete."""
    found = []
    while (data := inbox.take()) is not None:
        found.append(data)
    return found


# --- frames


class Huge(bytes):
    """Bytes that claim to be 4 GiB."""

    def __len__(self):
        return MAX_FRAME + 1


def test_a_frame_is_four_bytes_of_length_and_the_data():
    assert frame(b"abc") == b"\x03\x00\x00\x00abc"


def test_data_that_no_length_can_express_is_refused_with_its_size():
    with pytest.raises(ValueError, match=r"^4294967296 bytes do not fit into a frame$"):
        frame(Huge())


@given(st.lists(st.binary(max_size=40), max_size=10), st.lists(st.integers(0, 60), max_size=10))
def test_frames_come_out_whole_and_in_order_however_the_bytes_arrive(messages, cuts):
    stream = b"".join(map(frame, messages))
    ends = [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    inbox, found, start = Inbox(), [], 0

    for end in ends:
        inbox.feed(stream[start:end])
        start = end
        found += drain(inbox)

    assert found == messages


def test_an_empty_inbox_has_no_frame():
    assert Inbox().take() is None


def test_an_empty_frame_is_a_frame():
    inbox = Inbox()

    inbox.feed(frame(b""))

    assert inbox.take() == b""
    assert inbox.take() is None


@pytest.mark.parametrize("length", range(7))
def test_a_torn_frame_is_never_handed_out(length):
    inbox = Inbox()

    inbox.feed(frame(b"abc")[:length])

    assert inbox.take() is None


def test_a_taken_frame_is_not_changed_by_what_arrives_later():
    inbox = Inbox()
    inbox.feed(frame(b"first"))
    taken = inbox.take()

    inbox.feed(frame(b"other"))

    assert taken == b"first"


# --- the runner's end of a socket


@pytest.fixture
def channel():
    """Return the runner's end of a socket and the worker's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(60)
        yield Channel(ours), theirs


def test_a_frame_reaches_the_worker(channel):
    ours, theirs = channel

    ours.write(b"task")

    assert theirs.recv(100) == frame(b"task")
    assert not ours.wants_to_write


def test_a_frame_that_the_socket_cannot_take_waits_and_blocks_nobody(channel):
    ours, theirs = channel
    data = bytes(range(256)) * 40_000
    inbox = Inbox()

    ours.write(data)
    ours.write(b"next")
    assert ours.wants_to_write

    found = []
    while len(found) < 2:
        inbox.feed(theirs.recv(1 << 20))
        found += drain(inbox)
        ours.flush()
    assert found == [data, b"next"]
    assert not ours.wants_to_write


def test_frames_of_a_worker_are_received_once_they_are_whole(channel):
    ours, theirs = channel

    theirs.sendall(frame(b"one") + frame(b"two") + frame(b"three")[:5])
    assert ours.receive() == ([b"one", b"two"], True)
    assert ours.receive() == ([], True)

    theirs.sendall(frame(b"three")[5:])
    assert ours.receive() == ([b"three"], True)


def test_what_a_worker_sent_before_it_closed_its_end_is_received(channel):
    ours, theirs = channel

    theirs.sendall(frame(b"last") + b"torn")
    theirs.close()

    assert ours.receive() == ([b"last"], False)


def test_writing_to_a_worker_that_died_is_no_error_and_leaves_nothing_to_write(channel):
    ours, theirs = channel
    theirs.close()

    ours.write(b"task")

    assert not ours.wants_to_write


# --- slots


@pytest.fixture
def slots(tmp_path):
    """Return the parent's and a child's view of three records."""
    path = str(tmp_path / "slots")
    parent, child = Slots(path, 3), Slots(path)
    yield parent, child
    parent.close()
    child.close()


def test_a_new_record_is_that_of_a_worker_that_has_not_started(slots):
    parent, _ = slots

    assert parent.read(1) == NOTHING
    assert parent.expired(1) == -1
    assert not parent.stopping(1)
    assert parent.may_start(1)


@pytest.mark.parametrize("number", [-1, 0, 1, 2**40])
@pytest.mark.parametrize("phase", Phase)
def test_the_parent_reads_what_the_child_is_on(slots, number, phase):
    parent, child = slots

    child.write(1, number, 12345.678901, phase, 3)

    assert parent.read(1) == (number, 12345.678901, phase, 3)
    assert parent.read(0) == parent.read(2) == NOTHING


@pytest.mark.parametrize("number", [0, 1, 2**40])
def test_the_child_learns_which_item_was_given_up(slots, number):
    parent, child = slots

    parent.expire(1, number)

    assert child.expired(1) == number
    assert child.expired(0) == child.expired(2) == -1


def test_the_child_learns_that_it_must_start_nothing_more(slots):
    parent, child = slots

    parent.stop(1)

    assert child.stopping(1)
    assert not child.stopping(0)
    assert not child.stopping(2)


def test_a_worker_that_is_held_starts_nothing_but_its_run_is_not_stopping(slots):
    parent, child = slots

    parent.hold(1)

    assert not child.may_start(1)
    assert not child.stopping(1)
    assert child.may_start(0)
    assert child.may_start(2)


def test_a_worker_that_is_released_may_start_again(slots):
    parent, child = slots
    parent.hold(1)

    parent.release(1)

    assert child.may_start(1)


def test_nothing_takes_back_that_a_run_is_stopping(slots):
    parent, child = slots
    parent.stop(1)

    parent.hold(1)
    parent.release(1)

    assert child.stopping(1)
    assert not child.may_start(1)


def test_no_field_of_a_record_overwrites_another(slots):
    parent, child = slots
    most = 2**64 - 2

    child.write(1, most, -1.5, Phase.SEND, 2**32 - 1)
    parent.expire(1, most)
    parent.stop(1)
    child.progress(1, -3.0, -4.0)
    child.allow(1, -5.0)

    assert parent.read(1) == (most, -1.5, Phase.SEND, 2**32 - 1)
    assert child.expired(1) == most
    assert child.stopping(1)
    assert [parent.read(slot) for slot in (0, 2)] == [NOTHING] * 2
    assert [parent.expired(slot) for slot in (0, 2)] == [-1] * 2
    assert [parent.allowed(slot) for slot in range(3)] == [0.0, -5.0, 0.0]


def test_a_record_that_is_cleared_holds_nothing_of_the_worker_before_and_leaves_its_neighbours(slots):
    parent, child = slots
    for slot in range(3):
        child.write(slot, 7, 1.0, Phase.RUN)
        parent.expire(slot, 7)
        parent.stop(slot)

    parent.clear(1)

    assert child.read(1) == NOTHING
    assert child.expired(1) == -1
    assert not child.stopping(1)
    assert child.read(0) == child.read(2) == (7, 1.0, Phase.RUN, 1)
    assert child.stopping(0)
    assert child.stopping(2)


def test_records_of_an_earlier_run_are_forgotten_when_they_are_made_again(tmp_path):
    path = str(tmp_path / "slots")
    before = Slots(path, 1)
    before.stop(0)
    before.close()

    again = Slots(path, 2)

    assert not again.stopping(0)
    assert again.read(1) == NOTHING
    again.close()


def test_there_is_no_record_beyond_the_last(slots):
    parent, _ = slots

    with pytest.raises(struct.error):
        parent.read(3)


def test_the_file_is_as_large_as_its_records(tmp_path):
    Slots(str(tmp_path / "slots"), 5).close()

    assert (tmp_path / "slots").stat().st_size == 5 * SIZE


def test_a_closed_map_cannot_be_read(tmp_path):
    slots = Slots(str(tmp_path / "slots"), 1)
    slots.close()

    with pytest.raises(ValueError, match="closed"):
        slots.read(0)
