"""Ready-made transformers and recurrent networks of torch.nn are read whole from their state dicts."""

import pytest
import torch
from torch import nn

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload import read_network

GENERATOR = torch.Generator().manual_seed(0)
SEQUENCE, MEMORY = (torch.randn(2, 5, 6, dtype=torch.float64, generator=GENERATOR) for _ in range(2))
TOKENS = torch.randint(0, 9, (2, 5), generator=GENERATOR)
ANSWERS = {"heads": 2, "length": 5}
CAUSAL = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)


class Shown(nn.Module):
    """A part of torch.nn under its own names, run by a function."""

    def __init__(self, run, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.run = run

    def forward(self, *inputs):
        return self.run(self, *inputs)


def encoder_layer(**options):
    return nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True, **options)


def encoder(*, norm=None, **options):
    return nn.TransformerEncoder(encoder_layer(**options), 2, norm=norm, enable_nested_tensor=False)


def decoder(**options):
    return nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 8, dropout=0.0, batch_first=True, **options), 2)


def turned(run):
    """A run on (batch, channels, tokens)."""
    return lambda self, *inputs: run(self, *(x.mT if x.is_floating_point() else x for x in inputs))


@pytest.mark.parametrize("norm_order", ["post_norm", "pre_norm"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_is_read_whole(norm_order, activation, assert_rebuilt):
    core = encoder(norm=nn.LayerNorm(6), norm_first=norm_order == "pre_norm", activation=activation)
    module = Shown(turned(lambda self, x: self.encoder(x).mT), encoder=core)
    answers = {"norm_order": norm_order, "activation": activation, "mask": "all_tokens"}
    _, asked = assert_rebuilt(module, SEQUENCE.mT, **ANSWERS, **answers)
    assert not asked


@pytest.mark.parametrize("readout", ["first", "last", "mean", "max", "every"])
def test_an_encoder_between_a_table_and_a_head_is_read_whole(readout, assert_rebuilt):
    read = {
        "first": lambda x: x[:, 0],
        "last": lambda x: x[:, -1],
        "mean": lambda x: x.mean(dim=1),
        "max": lambda x: x.amax(dim=1),
        "every": lambda x: x,
    }[readout]

    def run(self, tokens):
        y = self.head(read(self.encoder(self.embedding(tokens), mask=CAUSAL)))
        return y.mT if readout == "every" else y

    module = Shown(run, embedding=nn.Embedding(9, 6), encoder=encoder(), head=nn.Linear(6, 3))
    _, asked = assert_rebuilt(module, TOKENS, **ANSWERS, mask="causal", readout=readout)
    assert set(asked) == {"norm_order", "activation"}
    assert asked["norm_order"].suggestion == "post_norm"


def test_an_encoder_after_a_linear_is_read_whole(assert_rebuilt):
    run = turned(lambda self, x: self.head(self.encoder(self.entry(x))).mT)
    module = Shown(
        run,
        entry=nn.Linear(6, 8),
        encoder=nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 8, dropout=0.0, batch_first=True), 1, enable_nested_tensor=False
        ),
        head=nn.Linear(8, 3),
    )
    assert_rebuilt(module, SEQUENCE.mT, **ANSWERS, readout="every")


def test_a_decoder_is_read_whole(assert_rebuilt):
    run = turned(lambda self, x, memory: self.decoder(x, memory, tgt_mask=CAUSAL).mT)
    assert_rebuilt(Shown(run, decoder=decoder()), SEQUENCE.mT, MEMORY.mT, **ANSWERS)


def test_an_encoder_with_a_decoder_is_read_whole(assert_rebuilt):
    core = nn.Transformer(6, 2, 1, 2, 8, dropout=0.0, batch_first=True)
    run = turned(lambda self, source, target: self.transformer(source, target).mT)
    assert_rebuilt(Shown(run, transformer=core), SEQUENCE.mT, MEMORY.mT, **ANSWERS, mask="all_tokens")


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("is_two_way", [False, True])
def test_a_recurrent_network_is_read_whole(kind, is_two_way, assert_rebuilt):
    core = kind(6, 4, num_layers=2, batch_first=True, bidirectional=is_two_way)
    _, asked = assert_rebuilt(Shown(turned(lambda self, x: self.rnn(x)[0].mT), rnn=core), SEQUENCE.mT, length=5)
    assert set(asked) == ({"activation"} if kind is nn.RNN else set())


def test_a_bare_recurrent_network_of_relus_without_biases_is_read_whole(assert_rebuilt):
    core = nn.RNN(6, 4, nonlinearity="relu", bias=False, batch_first=True)
    run = core.forward
    core.forward = lambda x: run(x.mT)[0].mT
    assert_rebuilt(core, SEQUENCE.mT, length=5, activation="relu")


@pytest.mark.parametrize("readout", ["last", "final_states", "mean", "max", "every"])
def test_a_recurrent_network_with_a_head_is_read_whole(readout, assert_rebuilt):
    read = {
        "last": lambda x, h: x[:, -1],
        "final_states": lambda x, h: torch.cat([h[-2], h[-1]], dim=1),
        "mean": lambda x, h: x.mean(dim=1),
        "max": lambda x, h: x.amax(dim=1),
        "every": lambda x, h: x,
    }[readout]

    def run(self, tokens):
        x, (h, _) = self.lstm(self.embedding(tokens))
        y = self.fc(read(x, h))
        return y.mT if readout == "every" else y

    core = nn.LSTM(6, 4, batch_first=True, bidirectional=True)
    module = Shown(run, embedding=nn.Embedding(9, 6), lstm=core, fc=nn.Linear(8, 3))
    assert_rebuilt(module, TOKENS, length=5, readout=readout)


def test_a_projected_lstm_is_refused_in_words(file_of_module):
    module = nn.ModuleDict({"lstm": nn.LSTM(6, 8, proj_size=4)})
    with pytest.raises(UnsupportedNetworkError, match=r"It looks like a recurrent network of torch\.nn, but"):
        read_network(file_of_module(module))


def test_two_heads_are_refused_in_words(file_of_module):
    module = nn.ModuleDict({"lstm": nn.LSTM(6, 4), "one": nn.Linear(4, 3), "two": nn.Linear(4, 2)})
    with pytest.raises(UnsupportedNetworkError, match="both 'one' and 'two' could be its head"):
        read_network(file_of_module(module))
