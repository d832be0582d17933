"""Who sees whom, and that shared keys are shared."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from pixmo.molmo.attention import attend, visible

torch.set_num_threads(1)


@given(st.data())
def test_each_token_sees_what_the_rules_say(data):
    """Earlier and valid, its own segment or the shared prefix, image tokens each other, and always itself."""
    size = data.draw(st.integers(1, 6))
    asking = data.draw(st.integers(1, size))
    row = st.lists(st.booleans(), min_size=size, max_size=size)
    valid, image = data.draw(row), data.draw(row)
    segments = data.draw(st.lists(st.sampled_from([1, 2, 10000]), min_size=size, max_size=size))
    got = visible(torch.tensor([valid]), asking, torch.tensor([segments]), torch.tensor([image]))
    for number, q in enumerate(range(size - asking, size)):
        for k in range(size):
            earlier = k <= q or (image[q] and image[k])
            expected = q == k or (earlier and valid[k] and segments[q] <= segments[k])
            assert bool(got[0, 0, number, k]) == expected


def test_a_step_with_shared_keys_is_plain_attention():
    """One token over shared key heads, under a mask, gives what copied heads give."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, heads, T, 8, generator=generator) for heads, T in ((6, 1), (2, 5), (2, 5)))
    mask = torch.tensor([[True, True, False, True, True], [False, False, True, True, True]])[:, None, None]
    scores = torch.einsum("bhte,bhse->bhts", q, k.repeat_interleave(3, dim=1)) / 8**0.5
    shares = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)
    expected = torch.einsum("bhts,bhse->bthe", shares, v.repeat_interleave(3, dim=1)).flatten(2)
    torch.testing.assert_close(attend(q, k, v, mask), expected)
