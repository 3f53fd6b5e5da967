"""Threefry 2x32 against the answers that its authors publish, and what `jax.random` refuses."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli import loads
from gradcli.errors import GradcliError
from gradcli.random import threefry

# key, count, words: the file kat_vectors of Random123, for 20 rounds
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
START = "import jax\nimport jax.numpy as jnp\nfrom jax import random\nkey = random.key(0)\n"
REFUSED = {
    "random.normal(0, (2,))": "unexpected PRNG key",
    "random.normal(random.split(key), (2,))": "a single key is taken",
    "random.normal(key, 3)": "Shapes must be 1D sequences of concrete values of integer type",
    "random.key(1.5)": "PRNG key seed must be an integer",
    "random.key(0, impl='rbg')": "keys are of threefry2x32 here",
    "random.normal(key, (2,), dtype=jnp.float16)": "draws float32 and float64 here",
    "random.choice(key, 2, (3,), replace=False)": "Cannot take a larger sample",
    "random.bernoulli(key, 1)": "must have a floating dtype",
    "random.fold_in(key, -1)": "out of bounds for uint32",
    "random.permutation(key, jnp.ones((2, 2)), independent=True)": "is not here",
    "random.gamma(key, 2.0)": "`gamma`",
    "jax.grad(lambda a: random.uniform(key, minval=a))(0.5)": "`minval` of a random draw",
}


@pytest.mark.parametrize(("key", "count", "words"), KNOWN)
def test_words_are_those_of_the_published_answers(
    key: tuple[int, int], count: tuple[int, int], words: tuple[int, int]
) -> None:
    high, low = (np.array([x], np.uint32) for x in count)
    found = threefry.hashed(np.array(key, np.uint32), high, low)
    assert tuple(int(x[0]) for x in found) == words


def test_an_element_does_not_depend_on_the_shape() -> None:
    key = threefry.key_of(5)
    long, square = threefry.bits(key, 32, (9,)), threefry.bits(key, 32, (3, 3))
    assert long.tolist() == square.reshape(-1).tolist()


@pytest.mark.parametrize("call", REFUSED)
def test_what_is_not_drawn_is_refused(call: str) -> None:
    with pytest.raises(GradcliError) as refusal:
        loads(f"{START}x = {call}\n")
    assert REFUSED[call] in str(refusal.value)
