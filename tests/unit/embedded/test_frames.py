"""Answers among noise: found whatever stands around them, and never made up."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.embedded.frames import LONGEST_PAYLOAD, DamagedFrame, Frame, FrameReader

TOKEN = "0123456789abcdef0123456789abcdef"


def sent(payload: bytes, kind: str = "bundle", number: int = 1, *, leaving: int = 0, end: bytes = b"\n") -> bytes:
    """A frame as `batch.php` writes it."""
    digest = hashlib.sha256(payload).hexdigest()
    return f"{TOKEN} {kind} {number} 50 {leaving} {len(payload)} {digest}".encode() + end + payload + end


def read(*pieces: bytes) -> tuple[list[Frame], bytes]:
    """The frames of a stdout that arrives in these pieces, and the noise."""
    stdout = bytearray()
    reader = FrameReader(TOKEN, stdout)
    frames = []
    for piece in pieces:
        stdout += piece
        while (frame := reader.next()) is not None:
            frames.append(frame)
    reader.give_up()
    return frames, reader.noise.take()[0]


def test_frames_come_out_in_order_with_what_they_say() -> None:
    frames, noise = read(sent(b"{}", "ready", 0) + sent(b'{"a":1}', number=7, leaving=1))
    assert frames == [Frame("ready", 0, 50, False, b"{}"), Frame("bundle", 7, 50, True, b'{"a":1}')]
    assert noise == b""


def test_a_terminal_s_line_ends_do_no_harm() -> None:
    frames, noise = read(sent(b"{}", end=b"\r\n"))
    assert [frame.payload for frame in frames] == [b"{}"]
    assert noise.strip() == b""


@given(
    st.lists(st.tuples(st.binary(max_size=60), st.binary(max_size=60)), max_size=5),
    st.binary(max_size=60),
    st.integers(1, 50),
)
def test_whatever_the_noise_and_the_pieces(parts: list[tuple[bytes, bytes]], last: bytes, size: int) -> None:
    text = b"".join(noise + sent(payload) for noise, payload in parts) + last
    frames, noise = read(*(text[at : at + size] for at in range(0, len(text), size)))
    assert [frame.payload for frame in frames] == [payload for _, payload in parts]
    assert noise == b"".join(noise for noise, _ in parts) + last


@pytest.mark.parametrize(
    "noise",
    [
        TOKEN.encode(),
        f"{TOKEN} ".encode(),
        f"{TOKEN} bundle 1 50 0 3\n".encode(),
        f"{TOKEN} bundle 1 50 0 {LONGEST_PAYLOAD + 1} {'0' * 64}\n".encode(),
        f"{TOKEN} bundle 1 50 2 1 {'0' * 64}\n".encode(),
        f"{TOKEN} {'x' * 500}".encode(),
        TOKEN.encode() * 40,
        f"{TOKEN[:-1]}\n".encode(),
    ],
)
def test_what_only_looks_like_a_frame_is_noise(noise: bytes) -> None:
    frames, left = read(noise + b"\n" + sent(b"{}"))
    assert [frame.payload for frame in frames] == [b"{}"]
    assert left == noise + b"\n"


def test_another_session_s_frame_is_noise() -> None:
    other = sent(b"{}").replace(TOKEN.encode(), b"f" * 32)
    assert read(other) == ([], other)


def test_a_half_frame_is_none() -> None:
    whole = sent(b'{"a": 1}')
    for length in range(len(whole)):
        assert read(whole[:length])[0] == []


@pytest.mark.parametrize("place", range(4))
def test_a_payload_that_was_changed_is_damage(place: int) -> None:
    text = bytearray(sent(b"abcd"))
    text[-5 + place] ^= 1
    with pytest.raises(DamagedFrame):
        read(bytes(text))


def test_noise_inside_a_payload_is_damage() -> None:
    whole = sent(b'{"a": 1}')
    with pytest.raises(DamagedFrame):
        read(whole[:-5] + b"Notice: x\n" + whole[-5:])


def test_endless_noise_is_not_kept() -> None:
    stdout = bytearray()
    reader = FrameReader(TOKEN, stdout)
    for _ in range(100):
        stdout += b"x" * 100_000
        assert reader.next() is None
        assert len(stdout) < len(TOKEN)
    kept, count = reader.noise.take()
    assert count == 10_000_000 - len(stdout)
    assert len(kept) < 40_000
