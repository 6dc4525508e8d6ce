"""pythae: its AE and VAE with networks of one's own, trained by its BaseTrainer."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, VAE, AEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn

from benchmarks.speed import arrays, networks
from benchmarks.speed.bound import negative_bound
from benchmarks.speed.contenders.torch_loop import sequential
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import Clock, mse

logging.disable(logging.INFO)


class _Encoder(BaseEncoder):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(embedding=self.net(x))


class _GaussianEncoder(BaseEncoder):
    def __init__(self, features: int, hidden: int, code: int) -> None:
        super().__init__()
        self.inwards, self.mean, self.logvar = (
            nn.Linear(features, hidden),
            nn.Linear(hidden, code),
            nn.Linear(hidden, code),
        )

    def forward(self, x: Tensor) -> ModelOutput:
        h = self.inwards(x).relu()
        return ModelOutput(embedding=self.mean(h), log_covariance=self.logvar(h))


class _Decoder(BaseDecoder):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.net(z))


class _Fit:
    """Seconds of a fixed number of epochs, from the making of the trainer to its end."""

    def __init__(self, folder: Path) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)

    def train_model(self, model: AE | VAE, case: Case) -> tuple[AE | VAE, float]:
        """The trained model and the seconds it took.  The trainer keeps a copy of the best epoch's."""
        rows = torch.from_numpy(self.train)
        with TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=case.params["epochs"],
                per_device_train_batch_size=case.params["batch"],
                learning_rate=1e-3,
            )
            clock = Clock()
            trainer = BaseTrainer(model, BaseDataset(rows, torch.zeros(len(rows))), training_config=config)
            trainer.train()
            return trainer.model, clock.seconds()


class Plain(_Fit):
    """The network of ``networks.tabular``."""

    def run(self, case: Case) -> Figures:
        torch.manual_seed(0)
        features = self.train.shape[1]
        net = sequential(networks.tabular(features))
        config = AEConfig(input_dim=(features,), latent_dim=32)
        model = AE(config, _Encoder(net[:4]), _Decoder(net[4:]))  # pairs of a layer and what follows it
        model, seconds = self.train_model(model, case)
        with torch.no_grad():
            answer = model({"data": torch.from_numpy(self.test)}).recon_x.numpy()
        return {"value": seconds, "quality": mse(answer, self.test)}


class Variational(_Fit):
    """Cross-entropy and a Gaussian code."""

    def run(self, case: Case) -> Figures:
        torch.manual_seed(0)
        features, hidden, code = self.train.shape[1], case.params["hidden"], case.params["code"]
        outwards = networks.Stack((code, hidden, features), ("relu", "sigmoid"))
        config = VAEConfig(input_dim=(features,), latent_dim=code, reconstruction_loss="bce")
        model = VAE(config, _GaussianEncoder(features, hidden, code), _Decoder(sequential(outwards)))
        model, seconds = self.train_model(model, case)
        linear = [
            m for part in (model.encoder, model.decoder) for m in part.modules() if isinstance(m, nn.Linear)
        ]
        weights = [(np.asarray(m.weight.detach()).T, np.asarray(m.bias.detach())) for m in linear]
        return {"value": seconds, "quality": negative_bound(weights, self.test)}
