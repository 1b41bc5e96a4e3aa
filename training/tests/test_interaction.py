import torch

from mice_train import pruned
from mice_train.encoder import BLOCKED
from mice_train.interaction import self_attention_bias
from tests.conftest import HIDDEN, STATE_DIMS


def inputs(queries=2, documents=3, query_tokens=7, document_tokens=13, dtype=torch.float64):
    torch.manual_seed(5)
    x = torch.randn(queries, query_tokens, HIDDEN, dtype=dtype)
    z = torch.randn(queries, documents, document_tokens, STATE_DIMS, dtype=dtype)
    query_mask, document_mask = torch.ones(queries, query_tokens), torch.ones(queries, documents, document_tokens)
    query_mask[1, 5:] = 0
    document_mask[0, 1, 4:] = 0
    return x, query_mask, z, document_mask


def test_query_tokens_may_not_read_the_querys_cls_but_cls_reads_all():
    bias = self_attention_bias(torch.tensor([[1.0, 1.0, 1.0, 0.0]]))[0, 0]
    blocked = bias < BLOCKED / 2
    assert blocked.tolist() == [
        [False, False, False, True], [True, False, False, True], [True, False, False, True], [True, False, False, True]
    ]


def test_the_absorbed_and_pruned_form_equals_the_plain_one(interaction):
    interaction.double()
    x, query_mask, z, document_mask = inputs()
    fast = pruned.score(interaction, x, query_mask, z, document_mask)
    plain = interaction(x.repeat_interleave(3, 0), query_mask.repeat_interleave(3, 0), z.flatten(0, 1),
                        document_mask.flatten(0, 1))
    assert (fast.flatten() - plain).abs().max() < 1e-10
    assert fast.std() > 0.1


def test_padding_changes_no_score(interaction):
    interaction.double()
    x, query_mask, z, document_mask = inputs()
    padded = pruned.score(interaction, x, query_mask, z, document_mask)[0, 1]
    alone = pruned.score(interaction, x[:1], query_mask[:1], z[:1, 1:2, :4], document_mask[:1, 1:2, :4])[0, 0]
    assert (padded - alone).abs() < 1e-10


def test_a_zero_head_scores_zero(interaction):
    torch.nn.init.zeros_(interaction.head.weight)
    x, query_mask, z, document_mask = inputs(dtype=torch.float32)
    assert pruned.score(interaction, x, query_mask, z, document_mask).abs().max() == 0
    assert abs(interaction.cosine_weight.item() - 20) < 1e-4
