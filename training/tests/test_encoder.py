import torch

from mice_train.tokens import cut, load_tokenizer, tokenize
from tests.conftest import BOTTOM, VOCAB


def test_states_and_vector_equal_those_of_transformers(checkpoint, encoder):
    from transformers import BertModel

    theirs = BertModel.from_pretrained(checkpoint, attn_implementation="eager").eval()
    ids = torch.randint(0, VOCAB, (3, 11), generator=torch.Generator().manual_seed(3))
    mask = torch.ones(3, 11, dtype=torch.long)
    mask[1, 7:] = 0
    with torch.no_grad():
        hidden = theirs(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    states, vector = encoder(ids, mask, BOTTOM)
    mean = (hidden[-1] * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    keep = mask.bool()
    assert torch.allclose(states[keep], hidden[BOTTOM][keep], atol=1e-5)
    assert torch.allclose(vector, torch.nn.functional.normalize(mean, dim=-1), atol=1e-5)


def test_the_packages_own_truncation_is_switched_off_and_ours_keeps_the_final_separator(source):
    tokenizer = load_tokenizer(source.tokenizer_path)
    (ids,) = tokenize(tokenizer, ["a b c d e f g h"], limit=64)
    assert len(ids) == 10
    assert cut(ids, 6) == [*ids[:5], ids[-1]]


def test_a_pair_read_together_has_its_second_text_under_the_second_token_type(checkpoint, encoder):
    from transformers import BertModel

    theirs = BertModel.from_pretrained(checkpoint, attn_implementation="eager").eval()
    ids = torch.randint(0, VOCAB, (2, 9), generator=torch.Generator().manual_seed(4))
    types = torch.tensor([[0] * 4 + [1] * 5, [0] * 7 + [1] * 2])
    with torch.no_grad():
        embedded = theirs.embeddings(ids, token_type_ids=types)
    assert torch.allclose(encoder.embed(ids, types), embedded, atol=1e-6)
