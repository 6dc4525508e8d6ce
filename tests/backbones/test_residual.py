"""Networks without a narrow code: what they answer for, of any size, and how it reads a level of noise."""

import pytest
import torch

from narrows.backbones import Residual, Spectral, noise_level
from narrows.backbones.residual import folded, unfolded
from narrows.backbones.spectral import _Frames
from narrows.contracts import Shapes
from narrows.inputs import Images, Signals
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.spec import Spec


def net_of(part, row):
    spec = Spec.resolved(Images() if len(row) == 3 else Signals(), None, part, None, None, ())
    with seeded(0):
        return Net(spec, Shapes(row=row, latent_dim=part.width(row)))


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


@pytest.mark.parametrize("shape", [(2, 3, 8), (2, 3, 7), (2, 1, 1), (2, 3, 8, 6), (2, 3, 7, 5), (1, 2, 1, 1)])
@pytest.mark.parametrize("fold", [1, 2, 3])
def test_what_is_folded_is_unfolded(shape, fold):
    x = noise(*shape)
    h = folded(x, fold)
    assert h.shape[1] == shape[1] * fold ** (len(shape) - 2)
    assert h.shape[2:] == tuple(-(-n // fold) for n in shape[2:])
    assert torch.equal(unfolded(h, fold, shape[2:]), x)


def test_without_a_narrow_code_any_size_goes_through():
    part = Residual(4, 4)
    net = net_of(part, (1, 8, 8))
    assert net.bottleneck.project.linear is None and net.decoder.open
    x = noise(2, 1, 13, 21)
    assert net(x).out.shape == x.shape
    assert not net_of(part, (1, 8, 8)).decoder.spread


def test_answers_depend_on_nothing_beyond_its_reach():
    part = Residual(4, 4, dilations=(1, 2))
    net, x = net_of(part, (1, 8, 8)), noise(1, 1, 64, 64)
    with torch.inference_mode():
        moved = x.clone()
        moved[..., 32, 32] += 10
        rows, columns = torch.nonzero((net(x).out - net(moved).out)[0, 0].abs() > 1e-7, as_tuple=True)
    assert (rows - 32).abs().max() <= part.reach and (columns - 32).abs().max() <= part.reach


def test_a_level_that_is_told_is_read():
    net, x = net_of(Residual(4, 4, told=True), (1, 8, 8)), noise(3, 1, 8, 8)
    plane = torch.full((3, 1, 8, 8), 0.5)
    first, second = (net(x, x_in=torch.cat([x, k * plane], 1)).out for k in (1, 2))
    assert not torch.equal(first, second)
    level = net.encoder.level(x).view(3, 1, 1, 1).expand_as(plane)
    assert torch.equal(net(x).out, net(x, x_in=torch.cat([x, level], 1)).out), "untold it judges for itself"


@pytest.mark.parametrize(
    ("arguments", "given"),
    [({"channels": 0}, "0"), ({"layers": 1}, "1"), ({"kernel": 4}, "4"), ({"fold": 0}, "0"), ({"dilations": ()}, "()"),
     ({"dilations": (1, 0)}, "(1, 0)"), ({"activation": "rleu"}, "'rleu'")],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(arguments, given, refused):
    with refused(given):
        Residual(**arguments)


def test_flat_rows_are_refused(refused):
    with refused("(6,)", "MLP"):
        Residual().build(Shapes(row=(6,), latent_dim=2, input=(6,), code=(2,)))


# The level of noise


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("shape", [(128, 128), (96, 161), (6000,)])
def test_the_level_is_found_on_a_smooth_field(sigma, shape):
    grids = torch.meshgrid(*(torch.linspace(0, 6, n) for n in shape), indexing="ij")
    x = sum(torch.sin(g + i) for i, g in enumerate(grids)) + sigma * noise(*shape)
    assert float(noise_level(x[None, None])[0]) == pytest.approx(sigma, rel=0.1)


def test_edges_are_no_noise():
    x = torch.zeros(1, 1, 120, 120)
    x[..., 30:50, :] = 1
    x[..., ::7, 60:] = -1  # texture on half of the picture
    assert float(noise_level(x)) == 0
    assert float(noise_level(x + 0.05 * noise(*x.shape))) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 1, 9), (2, 1, 2), (3, 2, 3, 2)])
def test_the_smallest_rows_have_a_level(shape):
    level = noise_level(noise(*shape))
    assert level.shape == shape[:1] and level.isfinite().all() and (level >= 0).all()


# Spectra


@pytest.mark.parametrize("samples", [1, 15, 16, 97])
def test_spectra_come_back(samples):
    part, x = Spectral(frame=16), noise(3, 1, samples)
    spectrum = _Frames(part)
    assert spectrum(x).shape == (3, 18, part.frames(samples))
    assert torch.allclose(spectrum.inverse(spectrum(x), samples), x, atol=1e-5)


def test_spectra_are_those_of_the_library():
    x, window = noise(1, 1, 64), torch.hann_window(16).sqrt()
    real, imaginary = _Frames(Spectral(frame=16))(x).chunk(2, 1)
    expected = torch.stft(
        torch.nn.functional.pad(x[:, 0], (12, 12)), 16, 4, window=window, center=False, return_complex=True
    )
    assert torch.allclose(torch.complex(real, imaginary), expected, atol=1e-4)


def test_a_mask_goes_with_the_signal():
    """Twice as loud with twice the noise: the same mask, twice the answer."""
    part = Spectral(frame=16, channels=4, told=True)
    net, x, level = net_of(part, (2, 32)), noise(1, 2, 75), torch.full((1, 1, 75), 0.5)
    assert net.decoder.open and net.bottleneck.project.linear is None
    one, two = (net(k * x, x_in=torch.cat([k * x, k * level], 1)).out for k in (1, 2))
    assert one.shape == x.shape and torch.allclose(2 * one, two, atol=1e-4)
    assert (one.square().sum() < x.square().sum()).item()


@pytest.mark.parametrize(
    ("arguments", "given"),
    [({"frame": 10}, "10"), ({"frame": 0}, "0"), ({"kernel": 2}, "2"), ({"layers": 1}, "1")],
)
def test_spectra_that_cannot_be_built_are_refused(arguments, given, refused):
    with refused(given):
        Spectral(**arguments)


def test_pictures_have_no_spectra_here(refused):
    with refused("(1, 8, 8)", "Residual"):
        Spectral().build(Shapes(row=(1, 8, 8), latent_dim=2, input=(1, 8, 8), code=(2,)))
