"""Losses, networks, densities and solvers of libraries for JAX, and determinants of JAX's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.foreign.judging import Case

ROWS = np.random.default_rng(0).standard_normal((8, 4))


def degenerate(rows: Any) -> dict[str, Any]:
    """A random point, zeros, equal rows, and rows that occur twice."""
    twice = np.concatenate([rows[: len(rows) // 2]] * 2) if len(rows) > 1 else np.repeat(rows[..., ::2], 2, -1)
    return {"random": rows, "zeros": np.zeros_like(rows), "equal": np.ones_like(rows) * rows[:1], "twice": twice}


def _jax_points(rows: Any) -> dict[str, Callable[[], Any]]:
    import jax.numpy as jnp

    return {name: lambda array=array: jnp.asarray(array) for name, array in degenerate(rows).items()}


def of_optax() -> list[Case]:
    """Losses of optax, and its projections."""
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    labels, targets = jnp.asarray([0, 1, 2, 3, 0, 1, 2, 3]), jnp.asarray(np.random.default_rng(1).random((8, 4)))
    hot, signs = jax.nn.one_hot(labels, 4), jnp.where(targets > 0.5, 1.0, -1.0)
    losses, lists = optax.losses, optax.projections
    functions: dict[str, Callable[[Any], Any]] = {
        "l2_loss": lambda x: losses.l2_loss(x, targets).sum(), "huber": lambda x: losses.huber_loss(x, targets).sum(),
        "squared_error": lambda x: losses.squared_error(x, targets).sum(),
        "log_cosh": lambda x: losses.log_cosh(x, targets).sum(),
        "cosine similarity": lambda x: losses.cosine_similarity(x, targets, epsilon=1e-3).sum(),
        "cosine distance": lambda x: losses.cosine_distance(x, targets, epsilon=1e-3).sum(),
        "hinge": lambda x: losses.hinge_loss(x, signs).sum(),
        "perceptron": lambda x: losses.perceptron_loss(x, signs).sum(),
        "sparsemax": lambda x: losses.sparsemax_loss(x[:, 0], (signs[:, 0] + 1) / 2).sum(),
        "multiclass hinge": lambda x: losses.multiclass_hinge_loss(x, labels).sum(),
        "multiclass perceptron": lambda x: losses.multiclass_perceptron_loss(x, labels).sum(),
        "multiclass sparsemax": lambda x: losses.multiclass_sparsemax_loss(x, labels).sum(),
        "sigmoid cross entropy": lambda x: losses.sigmoid_binary_cross_entropy(x, targets).sum(),
        "sigmoid focal": lambda x: losses.sigmoid_focal_loss(x, targets).sum(),
        "softmax cross entropy": lambda x: losses.softmax_cross_entropy(x, hot).sum(),
        "softmax of labels": lambda x: losses.softmax_cross_entropy_with_integer_labels(x, labels).sum(),
        "poly": lambda x: losses.poly_loss_cross_entropy(x, hot).sum(),
        "convex KL": lambda x: losses.convex_kl_divergence(jax.nn.log_softmax(x), targets).sum(),
        "KL": lambda x: losses.kl_divergence(jax.nn.log_softmax(x), targets).sum(),
        "triplet": lambda x: losses.triplet_margin_loss(x[:2], x[2:4], x[4:6]).sum(),
        "ranking": lambda x: losses.ranking_softmax_loss(x, targets).sum(),
        "NT-Xent": lambda x: losses.ntxent(x, labels),
        "global norm": lambda x: optax.global_norm([x[:3], x[3:]]),
        "smooth labels": lambda x: losses.softmax_cross_entropy(x, optax.smooth_labels(hot, 0.1)).sum(),
        "simplex": lambda x: (lists.projection_simplex(x[0]) * targets[0]).sum(),
        "l1 ball": lambda x: (lists.projection_l1_ball(x[0]) * targets[0]).sum(),
        "l2 ball": lambda x: (lists.projection_l2_ball(x) * targets).sum(),
        "box": lambda x: (lists.projection_box(x, 0.0, 1.0) * targets).sum(),
        "non-negative": lambda x: (lists.projection_non_negative(x) * targets).sum(),
        "clipped": lambda x: (optax.clip_by_global_norm(1.0).update(x, optax.EmptyState())[0] * targets).sum(),
    }  # fmt: skip
    return [Case(name, lambda f=f: f, _jax_points(ROWS)) for name, f in functions.items()]


def of_jaxopt() -> list[Case]:
    """Losses, proximal operators, projections and objectives of jaxopt."""
    import jax
    import jax.numpy as jnp
    import jaxopt

    jax.config.update("jax_enable_x64", True)
    random = np.random.default_rng(1)
    labels, targets = jnp.asarray([0, 1, 2, 3, 0, 1, 2, 3]), jnp.asarray(random.random(8))
    data = jnp.asarray(random.standard_normal((8, 4)))
    loss, prox, projection, objective = jaxopt.loss, jaxopt.prox, jaxopt.projection, jaxopt.objective
    functions: dict[str, Callable[[Any], Any]] = {
        "binary hinge": lambda x: sum(loss.binary_hinge_loss(labels[i] % 2, x[i, 0]) for i in range(8)),
        "binary logistic": lambda x: sum(loss.binary_logistic_loss(labels[i] % 2, x[i, 0]) for i in range(8)),
        "binary sparsemax": lambda x: sum(loss.binary_sparsemax_loss(labels[i] % 2, x[i, 0]) for i in range(8)),
        "huber": lambda x: loss.huber_loss(targets, x[:, 0]).sum(),
        "multiclass logistic": lambda x: sum(loss.multiclass_logistic_loss(labels[i], x[i]) for i in range(8)),
        "multiclass sparsemax": lambda x: loss.multiclass_sparsemax_loss(labels[0], x[0]),
        "lasso": lambda x: (prox.prox_lasso(x, 0.5) * data).sum(),
        "elastic net": lambda x: (prox.prox_elastic_net(x, (0.5, 1.0)) * data).sum(),
        "group lasso": lambda x: (prox.prox_group_lasso(x[0], 0.5) * data[0]).sum(),
        "ridge": lambda x: (prox.prox_ridge(x, 0.5) * data).sum(),
        "non-negative lasso": lambda x: (prox.prox_non_negative_lasso(x, 0.5) * data).sum(),
        "simplex": lambda x: (projection.projection_simplex(x[0]) * data[0]).sum(),
        "l1 ball": lambda x: (projection.projection_l1_ball(x[0]) * data[0]).sum(),
        "l2 ball": lambda x: (projection.projection_l2_ball(x[0]) * data[0]).sum(),
        "box": lambda x: (projection.projection_box(x, (0.0, 1.0)) * data).sum(),
        "hyperplane": lambda x: (projection.projection_hyperplane(x[0], (data[1], 1.0)) * data[0]).sum(),
        "half space": lambda x: (projection.projection_halfspace(x[0], (data[1], 1.0)) * data[0]).sum(),
        "least squares": lambda x: objective.least_squares(x[0], (data, targets)),
        "multiclass logreg": lambda x: objective.multiclass_logreg(x[:4], (data, labels)),
        "ridge regression": lambda x: objective.ridge_regression(x[0], 0.5, (data, targets)),
    }  # fmt: skip
    return [Case(name, lambda f=f: f, _jax_points(ROWS)) for name, f in functions.items()]


def _wide() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.numpy


def _cases(functions: dict[str, Callable[[Any], Any]], rows: Any) -> list[Case]:
    return [Case(name, lambda f=f: f, _jax_points(rows)) for name, f in functions.items()]


def of_haiku() -> list[Case]:
    """Networks by their inputs, and by their parameters, which are arrays in two layers of dicts."""
    jnp = _wide()
    import haiku as hk
    import jax
    import jax.flatten_util

    def of(network: Callable[[Any], Any], data: Any = ROWS) -> tuple[Any, Any]:
        pure = hk.without_apply_rng(hk.transform(network))
        weights = jax.tree.map(lambda u: jnp.asarray(u, float), pure.init(jax.random.key(0), jnp.asarray(data)))
        return pure, weights

    signal = np.random.default_rng(0).standard_normal((2, 6, 3))
    networks: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "MLP": (lambda x: hk.nets.MLP([5, 1])(x), ROWS), "linear": (lambda x: hk.Linear(3)(x), ROWS),
        "convolution": (lambda x: jax.nn.relu(hk.Conv1D(4, 3)(x)), signal),
        "transposed": (lambda x: jax.nn.relu(hk.Conv1DTranspose(4, 3)(x)), signal),
        "layer norm": (lambda x: hk.LayerNorm(-1, True, True)(x), ROWS),
        "RMS norm": (lambda x: hk.RMSNorm(-1)(x), ROWS), "max pool": (lambda x: hk.max_pool(x, 2, 2, "VALID"), signal),
        "average pool": (lambda x: hk.avg_pool(x, 2, 2, "VALID"), signal),
        "LSTM": (lambda x: hk.dynamic_unroll(hk.LSTM(4), x, hk.LSTM(4).initial_state(6))[0], signal),
        "GRU": (lambda x: hk.dynamic_unroll(hk.GRU(4), x, hk.GRU(4).initial_state(6))[0], signal),
        "attention": (lambda x: hk.MultiHeadAttention(2, 4, w_init_scale=1.0)(x, x, x), signal),
        "scan": (lambda x: hk.layer_stack(2)(lambda u: jax.nn.relu(hk.Linear(4)(u)))(x), ROWS),
    }  # fmt: skip

    def by_input(name: str) -> Callable[[Any], Any]:
        pure, weights = of(*networks[name])
        return lambda x: (pure.apply(weights, x) ** 2).mean()

    def by_parameters(name: str) -> Callable[[Any], Any]:
        (pure, weights), data = of(*networks[name]), jnp.asarray(networks[name][1])
        rebuilt = jax.flatten_util.ravel_pytree(weights)[1]
        return lambda flat: (pure.apply(rebuilt(flat), data) ** 2).mean()

    def begun(name: str, factor: float) -> Any:
        return factor * jax.flatten_util.ravel_pytree(of(*networks[name])[1])[0]

    found = [Case(name, lambda name=name: by_input(name), _jax_points(data)) for name, (_, data) in networks.items()]
    return found + [
        Case(f"{name} by parameters", lambda name=name: by_parameters(name), {
            "begun": lambda name=name: begun(name, 1.0), "zeros": lambda name=name: begun(name, 0.0)})
        for name in ("MLP", "convolution", "GRU", "attention", "scan")]


def of_equinox() -> list[Case]:
    """Networks by their inputs."""
    jnp = _wide()
    import equinox as eqx
    import jax

    key, signal = jax.random.key(0), np.random.default_rng(0).standard_normal((3, 8))
    picture = np.random.default_rng(0).standard_normal((2, 6, 6))
    row = ROWS[0]
    networks: dict[str, tuple[Callable[[], Any], Any]] = {
        "MLP": (lambda: eqx.nn.MLP(4, 1, 5, 2, key=key), row), "linear": (lambda: eqx.nn.Linear(4, 3, key=key), row),
        "sequential": (lambda: eqx.nn.Sequential([eqx.nn.Linear(4, 5, key=key), eqx.nn.Lambda(jax.nn.relu),
                                                  eqx.nn.Linear(5, 1, key=key)]), row),
        "convolution": (lambda: eqx.nn.Conv1d(3, 4, 3, key=key), signal),
        "transposed": (lambda: eqx.nn.ConvTranspose1d(3, 4, 3, key=key), signal),
        "max pool": (lambda: eqx.nn.MaxPool2d(2, 2), picture),
        "average pool": (lambda: eqx.nn.AvgPool2d(2, 2), picture),
        "adaptive pool": (lambda: eqx.nn.AdaptiveMaxPool2d(2), picture),
        "layer norm": (lambda: eqx.nn.LayerNorm(4), row), "group norm": (lambda: eqx.nn.GroupNorm(1, 2), picture),
        "RMS norm": (lambda: eqx.nn.RMSNorm(4), row), "PReLU": (lambda: eqx.nn.PReLU(0.1), row),
        "attention": (lambda: eqx.nn.MultiheadAttention(2, 4, key=key), ROWS),
        "dropout": (lambda: eqx.nn.Dropout(0.5, inference=True), row),
    }  # fmt: skip

    def of(name: str) -> Callable[[Any], Any]:
        model = jax.tree.map(lambda u: jnp.asarray(u, float) if eqx.is_inexact_array(u) else u, networks[name][0]())
        if name == "attention":
            return lambda x: (model(x, x, x) ** 2).mean()
        return lambda x: (model(x) ** 2).mean()

    def cell(name: str) -> Callable[[Any], Any]:
        kind = getattr(eqx.nn, name)(4, 3, key=key)

        def f(x: Any) -> Any:
            state: Any = jnp.zeros(3) if name == "GRUCell" else (jnp.zeros(3), jnp.zeros(3))
            states, _ = jax.lax.scan(lambda held, u: (kind(u, held), None), state, x)
            return sum((part**2).sum() for part in jax.tree.leaves(states))

        return f

    def filtered(x: Any) -> Any:
        model = eqx.nn.MLP(4, 1, 5, 1, key=key)
        return eqx.filter_jit(lambda u: jax.vmap(model)(u).sum())(x)

    def checked(x: Any) -> Any:
        return eqx.error_if(x, jnp.any(x > 100), "too large").sum() ** 2

    def looped(x: Any) -> Any:
        return eqx.internal.while_loop(
            lambda held: held[0] < 3, lambda held: (held[0] + 1, jax.nn.relu(held[1] - 0.1)), (0, x), kind="bounded",
            max_steps=4)[1].sum()

    more = {"filter_jit": filtered, "error_if": checked, "while_loop": looped}
    return [*(Case(name, lambda name=name: of(name), _jax_points(data)) for name, (_, data) in networks.items()),
            *(Case(name, lambda name=name: cell(name), _jax_points(ROWS)) for name in ("GRUCell", "LSTMCell")),
            *_cases(more, ROWS)]


def of_numpyro() -> list[Case]:
    """Negative logarithms of densities by their parameters, and of two models."""
    jnp = _wide()
    import jax
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer.util import log_density

    data, counts = jnp.asarray(ROWS[:, 0]), jnp.asarray([0, 1, 2, 0, 3, 1, 0, 5])
    unit, bits = jax.nn.sigmoid(data), jnp.asarray([0, 1, 1, 0, 1, 0, 0, 1])
    made: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "Normal": (lambda x: dist.Normal(x[:, 0], jnp.exp(x[:, 1])), data),
        "Laplace": (lambda x: dist.Laplace(x[:, 0], jnp.exp(x[:, 1])), data),
        "Cauchy": (lambda x: dist.Cauchy(x[:, 0], jnp.exp(x[:, 1])), data),
        "StudentT": (lambda x: dist.StudentT(3.0, x[:, 0], jnp.exp(x[:, 1])), data),
        "HalfNormal": (lambda x: dist.HalfNormal(jnp.exp(x[:, 0])), jnp.abs(data)),
        "LogNormal": (lambda x: dist.LogNormal(x[:, 0], jnp.exp(x[:, 1])), jnp.abs(data)),
        "Gumbel": (lambda x: dist.Gumbel(x[:, 0], jnp.exp(x[:, 1])), data),
        "Logistic": (lambda x: dist.Logistic(x[:, 0], jnp.exp(x[:, 1])), data),
        "Gamma": (lambda x: dist.Gamma(jnp.exp(x[:, 0]), jnp.exp(x[:, 1])), jnp.abs(data)),
        "Beta": (lambda x: dist.Beta(jnp.exp(x[:, 0]), jnp.exp(x[:, 1])), unit),
        "Exponential": (lambda x: dist.Exponential(jnp.exp(x[:, 0])), jnp.abs(data)),
        "Poisson": (lambda x: dist.Poisson(jnp.exp(x[:, 0])), counts),
        "NegativeBinomial": (lambda x: dist.NegativeBinomial2(jnp.exp(x[:, 0]), jnp.exp(x[:, 1])), counts),
        "ZeroInflated": (lambda x: dist.ZeroInflatedPoisson(jax.nn.sigmoid(x[:, 0]), jnp.exp(x[:, 1])), counts),
        "Bernoulli": (lambda x: dist.Bernoulli(logits=x[:, 0]), bits),
        "Bernoulli of probabilities": (lambda x: dist.Bernoulli(probs=jax.nn.sigmoid(x[:, 0])), bits),
        "Binomial": (lambda x: dist.Binomial(5, logits=x[:, 0]), counts),
        "Categorical": (lambda x: dist.Categorical(logits=x), bits),
        "Dirichlet": (lambda x: dist.Dirichlet(jnp.exp(x)), jax.nn.softmax(jnp.asarray(ROWS[::-1]))),
        "MultivariateNormal": (lambda x: dist.MultivariateNormal(
            x[0], covariance_matrix=x.T @ x + jnp.eye(4)), jnp.asarray(ROWS[0])),
        "LowRank": (lambda x: dist.LowRankMultivariateNormal(x[0], x[1:3].T, jnp.exp(x[3])), jnp.asarray(ROWS[0])),
        "TruncatedNormal": (lambda x: dist.TruncatedNormal(x[:, 0], jnp.exp(x[:, 1]), low=-4.0), data),
        "Uniform": (lambda x: dist.Uniform(-5 - jnp.exp(x[:, 0]), 5 + jnp.exp(x[:, 1])), data),
        "Pareto": (lambda x: dist.Pareto(0.1 + 0 * x[:, 0], jnp.exp(x[:, 1])), 0.2 + jnp.abs(data)),
        "Weibull": (lambda x: dist.Weibull(jnp.exp(x[:, 0]), jnp.exp(x[:, 1])), jnp.abs(data)),
        "Mixture": (lambda x: dist.MixtureSameFamily(
            dist.Categorical(logits=x[0]), dist.Normal(x[1], jnp.exp(x[2]))), data),
        "LKJ": (lambda x: dist.LKJCholesky(2, jnp.exp(x[0, 0])), jnp.asarray([[1.0, 0.0], [0.6, 0.8]])),
    }  # fmt: skip

    def density(name: str) -> Callable[[Any], Any]:
        family, seen = made[name]
        return lambda x: -family(x).log_prob(seen).sum()

    def regression(x: Any) -> Any:
        def model() -> None:
            weights = numpyro.sample("w", dist.Laplace(0.0, 1.0).expand([4]).to_event(1))
            noise = numpyro.sample("s", dist.HalfCauchy(1.0))
            numpyro.sample("y", dist.Normal(jnp.asarray(ROWS) @ weights, noise), obs=data)

        return -log_density(model, (), {}, {"w": x[0], "s": jnp.exp(x[1, 0])})[0]

    def funnel(x: Any) -> Any:
        def model() -> None:
            scale = numpyro.sample("a", dist.Normal(0.0, 3.0))
            numpyro.sample("b", dist.Normal(0.0, jnp.exp(scale / 2)).expand([4]).to_event(1))

        return -log_density(model, (), {}, {"a": x[0, 0], "b": x[1]})[0]

    functions = {**{name: density(name) for name in made}, "regression": regression, "funnel": funnel}
    return _cases(functions, ROWS)


def of_diffrax() -> list[Case]:
    """Differential equations by what they begin with."""
    jnp = _wide()
    import diffrax as dfx
    import jax
    import optimistix as optx

    fields = {"smooth": lambda t, y, args: -jnp.tanh(y), "relu": lambda t, y, args: jax.nn.relu(y) - y,
              "abs": lambda t, y, args: -jnp.abs(y)}
    solvers = {"Euler": dfx.Euler, "Heun": dfx.Heun, "Midpoint": dfx.Midpoint, "Tsit5": dfx.Tsit5, "Dopri5": dfx.Dopri5,
               "ImplicitEuler": lambda: dfx.ImplicitEuler(root_finder=optx.Newton(1e-10, 1e-10))}

    def solved(field: str, solver: str, adaptive: bool) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            control = dfx.PIDController(1e-6, 1e-6) if adaptive else dfx.ConstantStepSize()
            found = dfx.diffeqsolve(
                dfx.ODETerm(fields[field]), solvers[solver](), 0.0, 0.5, 0.1, x, stepsize_controller=control,
                max_steps=32)
            return (found.ys**2).sum()

        return f

    functions = {f"{solver} {field}": solved(field, solver, False) for solver in solvers for field in fields
                 if solver in ("Euler", "Tsit5") or field == "smooth"}
    functions["Tsit5 adaptive"] = solved("smooth", "Tsit5", True)
    return _cases(functions, ROWS[0])


def of_lineax() -> list[Case]:
    """Linear solves by the matrix and by the right side."""
    jnp = _wide()
    import jax
    import lineax as lx

    shift, right = 4 * jnp.eye(4), jnp.asarray(ROWS[5])
    solvers: dict[str, Callable[[], Any]] = {
        "LU": lx.LU, "QR": lx.QR, "SVD": lx.SVD, "auto": lx.AutoLinearSolver, "CG": lambda: lx.CG(1e-10, 1e-10),
        "GMRES": lambda: lx.GMRES(1e-10, 1e-10), "BiCGStab": lambda: lx.BiCGStab(1e-10, 1e-10),
    }  # fmt: skip

    def solved(name: str) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            matrix = x[:4] @ x[:4].T + shift if name == "CG" else x[:4] + shift
            tags = lx.positive_semidefinite_tag if name == "CG" else ()
            solver = lx.AutoLinearSolver(well_posed=True) if name == "auto" else solvers[name]()
            return (lx.linear_solve(lx.MatrixLinearOperator(matrix, tags), right + x[4], solver).value ** 2).sum()

        return f

    def cholesky(x: Any) -> Any:
        operator = lx.MatrixLinearOperator(x[:4] @ x[:4].T + shift, lx.positive_semidefinite_tag)
        return lx.linear_solve(operator, right, lx.Cholesky()).value.sum()

    def tridiagonal(x: Any) -> Any:
        operator = lx.TridiagonalLinearOperator(4 + x[0], x[1, :3], x[2, :3])
        return lx.linear_solve(operator, right, lx.Tridiagonal()).value.sum()

    def diagonal(x: Any) -> Any:
        return lx.linear_solve(lx.DiagonalLinearOperator(5 + jnp.abs(x[0])), right + x[1]).value.sum()

    def triangular(x: Any) -> Any:
        operator = lx.MatrixLinearOperator(jnp.tril(x[:4]) + shift, lx.lower_triangular_tag)
        return lx.linear_solve(operator, right, lx.Triangular()).value.sum()

    def squares(x: Any) -> Any:
        operator = lx.MatrixLinearOperator(jnp.vstack([x, 4 * jnp.eye(4)]))
        return (lx.linear_solve(operator, jnp.ones(12), lx.AutoLinearSolver(well_posed=None)).value ** 2).sum()

    def many(x: Any) -> Any:
        return jax.vmap(lambda row: lx.linear_solve(lx.DiagonalLinearOperator(5 + row), row).value)(x).sum()

    def slope(x: Any) -> Any:
        operator = lx.JacobianLinearOperator(lambda u, _: jax.nn.relu(u) + 5 * u, x[0])
        return (lx.linear_solve(operator, x[1]).value ** 2).sum()

    def tree(x: Any) -> Any:
        given = {"a": jax.ShapeDtypeStruct((2,), float), "b": jax.ShapeDtypeStruct((1, 2), float)}
        operator = lx.FunctionLinearOperator(lambda u: {
            "a": 5 * u["a"] + x[0, :2] * u["b"].sum(), "b": u["b"] * (6 + x[1, 0])}, given)
        found = lx.linear_solve(operator, {"a": jax.nn.relu(x[2, :2]), "b": x[3:4, :2]}).value
        return (found["a"] ** 2).sum() + found["b"].sum()

    def repeated(x: Any) -> Any:
        return jax.lax.scan(lambda held, row: (lx.linear_solve(
            lx.MatrixLinearOperator(shift + row[:, None] * row), held).value, None), right, x)[0].sum()

    def loose(x: Any) -> Any:
        operator = lx.MatrixLinearOperator(x[:4] @ x[:4].T + shift, lx.positive_semidefinite_tag)
        return lx.linear_solve(operator, right, lx.CG(0.5, 0.5)).value.sum()

    return _cases({**{name: solved(name) for name in solvers}, "Cholesky": cholesky, "Tridiagonal": tridiagonal,
                   "Diagonal": diagonal, "Triangular": triangular, "least squares": squares, "vmap": many,
                   "Jacobian": slope, "tree": tree, "scan": repeated, "loose": loose}, ROWS)


def of_jax() -> list[Case]:
    """Determinants of regular and of singular matrices, by the matrix."""
    jnp = _wide()
    import jax

    linalg = jnp.linalg
    functions: dict[str, Callable[[Any], Any]] = {
        "det": lambda x: linalg.det(x[:4]), "det squared": lambda x: linalg.det(x[:4]) ** 2,
        "abs of det": lambda x: jnp.abs(linalg.det(x[:4])), "det of 2": lambda x: linalg.det(x[:2, :2]),
        "det of 3": lambda x: linalg.det(x[:3, :3]), "dets": lambda x: linalg.det(jnp.stack([x[:4], x[4:]])).sum(),
        "slogdet": lambda x: linalg.slogdet(x[:4])[1], "sign of slogdet": lambda x: (
            linalg.slogdet(x[:4])[0] * jnp.exp(linalg.slogdet(x[:4])[1])),
        "slogdet, shifted": lambda x: linalg.slogdet(x[:4] @ x[:4].T + jnp.eye(4))[1],
        "det, shifted": lambda x: linalg.det(x[:4] + 3 * jnp.eye(4)),
        "log of det": lambda x: jnp.log(linalg.det(x[:4] @ x[:4].T + jnp.eye(4))),
        "Cholesky": lambda x: jnp.log(jnp.diag(linalg.cholesky(x[:4] @ x[:4].T + jnp.eye(4)))).sum(),
        "solve": lambda x: linalg.solve(x[:4] + 4 * jnp.eye(4), x[4]).sum(), "inverse": lambda x: linalg.inv(
            x[:4] + 4 * jnp.eye(4)).sum(),
        "matrix exponential": lambda x: jax.scipy.linalg.expm(x[:4]).sum(),
    }  # fmt: skip
    return _cases(functions, ROWS)
