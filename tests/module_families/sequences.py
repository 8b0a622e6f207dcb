"""Recurrent networks: RNN, LSTM, GRU, in layers and both ways."""

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """Embedded tokens, a recurrence, an answer from its last states."""

    def __init__(self, recurrence: nn.Module, features: int, takes: str) -> None:
        super().__init__()
        self.embed, self.recurrence, self.takes = nn.Embedding(11, 4), recurrence, takes
        self.head = nn.Linear(features, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        states, last = self.recurrence(self.embed(tokens))
        last = last[0] if isinstance(last, tuple) else last
        if self.takes == "last position":
            return self.head(states[:, -1])
        if self.takes == "last hidden":
            return self.head(last[-1])
        return self.head(torch.cat([last[-2], last[-1]], dim=1))


class Tagger(nn.Module):
    """An answer at every position, with positions first inside."""

    def __init__(self, recurrence: nn.Module, features: int) -> None:
        super().__init__()
        self.recurrence, self.head = recurrence, nn.Linear(features, 2)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrence(x.transpose(0, 1))
        return self.head(states).transpose(0, 1)


class Sequences(nn.Module):
    """One recurrence reads, another is started with its states and writes."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.encoder, self.decoder = kind(3, 5, batch_first=True), kind(2, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        _, state = self.encoder(source)
        made, _ = self.decoder(target, state)
        return self.head(made)


class LearnedStart(nn.Module):
    """A recurrence with a first state that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.gru, self.head = (
            nn.Parameter(torch.zeros(1, 1, 4)),
            nn.GRU(3, 4, batch_first=True),
            nn.Linear(4, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(x, self.start.expand(-1, x.size(0), -1).contiguous())
        return self.head(states.mean(dim=1))


BUILDERS = {
    "rnn/tanh": lambda: (Tagger(nn.RNN(3, 4), 4), (torch.randn(2, 5, 3),)),
    "rnn/relu layers": lambda: (
        Classifier(nn.RNN(4, 5, num_layers=2, nonlinearity="relu", batch_first=True), 5, "last position"),
        (torch.randint(11, (2, 6)),),
    ),
    "rnn/both ways": lambda: (Tagger(nn.RNN(3, 4, bidirectional=True, bias=False), 8), (torch.randn(2, 5, 3),)),
    "lstm/layers": lambda: (
        Classifier(nn.LSTM(4, 5, num_layers=2, dropout=0.1, batch_first=True), 5, "last hidden"),
        (torch.randint(11, (2, 6)),),
    ),
    "lstm/both ways": lambda: (
        Classifier(nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True), 6, "both ends"),
        (torch.randint(11, (2, 6)),),
    ),
    "lstm/encoder and decoder": lambda: (Sequences(nn.LSTM), (torch.randn(2, 4, 3), torch.randn(2, 3, 2))),
    "gru/one layer": lambda: (
        Classifier(nn.GRU(4, 5, batch_first=True), 5, "last position"),
        (torch.randint(11, (2, 6)),),
    ),
    "gru/both ways": lambda: (Tagger(nn.GRU(3, 4, num_layers=2, bidirectional=True), 8), (torch.randn(2, 5, 3),)),
    "gru/learned start": lambda: (LearnedStart(), (torch.randn(2, 4, 3),)),
}
