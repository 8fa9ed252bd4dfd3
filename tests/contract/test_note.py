from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.note import NoteRefused, SignerKey, VerifierKey, generate_key, open_note, sign_note

# The example of the C2SP signed-note page: key, text and signature are its own.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_standard_example_verifies() -> None:
    key = VerifierKey.decode(PETER)
    text, signed = open_note(PETER_NOTE.encode(), [key])
    assert text.endswith("what your problem is.\n")
    assert signed == (key,)
    assert key.encode() == PETER


@given(st.text(max_size=200))
def test_what_is_signed_opens_as_it_was(hub_key: SignerKey, body: str) -> None:
    text = body.replace("\r", "").encode("utf-8", "ignore").decode() + "\n"
    assert open_note(sign_note(text, hub_key), [hub_key.verifier])[0] == text


def test_text_with_empty_lines_is_split_at_the_last(hub_key: SignerKey) -> None:
    text = "one\n\n— not a signature\n\ntwo\n"
    assert open_note(sign_note(text, hub_key), [hub_key.verifier])[0] == text


def test_unknown_keys_are_ignored_and_two_may_sign(hub_key: SignerKey) -> None:
    second = generate_key("second")
    note = sign_note("hello\n", second, hub_key)
    assert open_note(note, [hub_key.verifier])[1] == (hub_key.verifier,)
    assert len(open_note(note, [hub_key.verifier, second.verifier])[1]) == 2


def test_same_name_with_another_key_does_not_pass(hub_key: SignerKey) -> None:
    with pytest.raises(NoteRefused, match="no key that is known"):
        open_note(sign_note("hello\n", generate_key(hub_key.name)), [hub_key.verifier])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace(b"hello", b"hallo"),
        lambda note: note[:-2],
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: b"",
        lambda note: b"\xff\xfe" + note,
        lambda note: note + b"garbage\n",
        lambda note: note[:-6] + b"AAAA=\n",
    ],
)
def test_spoiled_notes_are_refused(hub_key: SignerKey, spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(NoteRefused):
        open_note(spoil(sign_note("hello\n", hub_key)), [hub_key.verifier])


@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_else(hub_key: SignerKey, note: bytes) -> None:
    with pytest.raises(NoteRefused):
        open_note(note, [hub_key.verifier])


@pytest.mark.parametrize(
    "line", ["", "a+b", "name+00000000+AAAA", "na me+c74f20a3+ARpc2Q==", "x+y+!!"]
)
def test_broken_keys_are_refused(line: str) -> None:
    with pytest.raises(NoteRefused):
        VerifierKey.decode(line)


def test_a_text_without_newline_is_not_signed(hub_key: SignerKey) -> None:
    with pytest.raises(NoteRefused, match="newline"):
        sign_note("hello", hub_key)
    with pytest.raises(NoteRefused):
        generate_key("two words")
